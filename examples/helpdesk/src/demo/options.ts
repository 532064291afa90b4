/** The server of this process, as `startServer` of @volant/server starts it. */
export interface RunningServer {
  url: string
  close(): Promise<void>
}

export interface DemoOptions {
  /** Starts the server; left out when `url` names one that runs already. */
  startServer?: (options: { port: number; dataFolder: string; logger: false }) => Promise<RunningServer>
  /** A server that runs already; it is not stopped at the end. */
  url?: string
  port?: number
  /** Data folder of the server. */
  data?: string
  /** Stop at the end instead of serving on. */
  exit?: boolean
  /** End with one JSON line on stdout; everything else goes to stderr. */
  json?: boolean
  lang?: 'en' | 'zh'
  /** One line of results (stdout). */
  print: (text: string) => void
  /** One line of progress (stderr). */
  note: (text: string) => void
  /** Can the last line of stderr be redrawn? */
  live?: boolean
  /** Characters a line. */
  width?: number
  /** Aborted by Ctrl-C. */
  signal?: AbortSignal
}

/** The JSON line. Accuracies are of the queue, 0 to 1, on the frozen set of later mails. */
export interface DemoReport {
  /** `labels`: mails with a queue label that the model has learnt from. */
  iterations: { labels: number; accuracy: number }[]
  accuracyBefore: number
  accuracyAfter: number
  /** Mean over the random draws of as many labels. */
  randomAfter: number
  /** `accuracyAfter` less the accuracy of the same labels without the sender. */
  senderLift: number
  /** Share of the later mails that can be routed alone at 95 % precision. */
  coverageAt95: number
  spoiledPromoted: boolean
  seconds: number
}
