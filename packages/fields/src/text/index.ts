import { cleanText, isMissing } from '@volant/data'
import { bag } from '../encoders/text/bag.js'
import { bilstm } from '../encoders/text/bilstm.js'
import { cnn } from '../encoders/text/cnn.js'
import { pretrained } from '../encoders/text/pretrained.js'
import { tfidf } from '../encoders/text/tfidf.js'
import { transformer } from '../encoders/text/transformer.js'
import type { FieldType, InputType } from '../field.js'
import { baseCandidates } from '../train/tuning-names.js'
import { type TextInputSettings, textInputSettings } from './settings.js'

const input: InputType<string, TextInputSettings> = {
  settings: textInputSettings,
  read(cell, settings) {
    if (isMissing(cell)) return null
    const text = cleanText(String(cell).slice(0, settings.maxCharacters))
    return text === '' ? null : text
  },
  encoders: { tfidf, bag, cnn, bilstm, transformer, pretrained },
  wide: 'tfidf',
  pretrained: 'pretrained',
  features: (network) => ((baseCandidates as readonly string[]).includes(network) ? 'pretrained' : network),
  choosesNetwork: true,
}

/** Free text, in any language. */
export const textField: FieldType = { name: 'text', input }
