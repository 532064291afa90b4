export { loadTickets, type Ticket } from './corpus/index.js'
export { type Queue, queues } from './corpus/queues.js'
export { strongestWords, type WordStrength } from './corpus/strongest-words.js'
