export { boolean, category, loadModel, model, number, text } from '@volant/fields'
