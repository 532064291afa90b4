import { VolantError } from '@volant/data'

/** One row per problem the API can answer: status, the sentence that titles it, and how loudly it is logged. */
export const problems = {
  // the request
  'bad-json': { status: 400, title: 'The body is not valid JSON.', log: 'debug' },
  'bad-request': { status: 400, title: 'A part of the request has the wrong shape.', log: 'debug' },
  'bad-cursor': { status: 400, title: 'The value of "after" was not given out by this listing.', log: 'debug' },
  'bad-id': { status: 400, title: 'An id has characters that ids do not have.', log: 'debug' },
  'not-found': { status: 404, title: 'There is nothing at this address.', log: 'debug' },
  'body-too-large': { status: 413, title: 'The body is larger than this route takes.', log: 'debug' },
  'too-many-rows': { status: 413, title: 'The request has more rows than one request may have.', log: 'debug' },
  'unsupported-media-type': { status: 415, title: 'This route does not take that content type.', log: 'debug' },
  // who asks
  'key-missing': { status: 401, title: 'A key is needed.', log: 'info' },
  'key-unknown': { status: 401, title: 'The key is not known.', log: 'info' },
  'key-revoked': { status: 401, title: 'The key was revoked.', log: 'info' },
  'scope-missing': { status: 403, title: 'The key does not allow this.', log: 'info' },
  'client-gone': { status: 499, title: 'The caller went away before the answer.', log: 'debug' },
  'quota-exceeded': { status: 429, title: 'The channel has used up its quota.', log: 'info' },
  // what is not there
  'unknown-project': { status: 404, title: 'No project has this id.', log: 'debug' },
  'unknown-dataset': { status: 404, title: 'The project has no such dataset version.', log: 'debug' },
  'unknown-test-set': { status: 404, title: 'The project has no frozen test set yet.', log: 'debug' },
  'unknown-run': { status: 404, title: 'The project has no such run.', log: 'debug' },
  'unknown-version': { status: 404, title: 'The project has no such model version.', log: 'debug' },
  'unknown-evaluation': { status: 404, title: 'The model version was not evaluated yet.', log: 'debug' },
  'unknown-endpoint': { status: 404, title: 'The project has no such endpoint.', log: 'debug' },
  'unknown-prediction': { status: 404, title: 'The project has no such prediction.', log: 'debug' },
  'unknown-iteration': { status: 404, title: 'The project has no such iteration.', log: 'debug' },
  'unknown-key': { status: 404, title: 'There is no such key.', log: 'debug' },
  'unknown-channel': { status: 404, title: 'There is no such channel.', log: 'debug' },
  'unknown-model': { status: 404, title: 'The server has no such language model.', log: 'debug' },
  // data
  'empty-file': { status: 400, title: 'The file is empty.', log: 'debug' },
  'missing-column': { status: 400, title: 'A column is missing.', log: 'debug' },
  'no-data': { status: 409, title: 'The project has no data yet.', log: 'debug' },
  'test-set-frozen': { status: 409, title: 'The test set was frozen before and stays as it is.', log: 'debug' },
  'too-few-rows': { status: 400, title: 'There are too few rows.', log: 'debug' },
  'upload-broken': { status: 400, title: 'The upload broke off.', log: 'debug' },
  'disk-full': { status: 507, title: 'The disk of the server is full.', log: 'error' },
  // projects, runs, versions
  'project-exists': { status: 409, title: 'Another project has this id.', log: 'debug' },
  'bad-spec': { status: 400, title: 'The spec does not describe a model.', log: 'debug' },
  'no-outputs': { status: 400, title: 'Nothing says what the model should predict.', log: 'debug' },
  'run-finished': { status: 409, title: 'The run has ended already.', log: 'debug' },
  // serving and the loop
  'no-champion': { status: 409, title: 'The endpoint has no deployed model version.', log: 'debug' },
  'no-challenger': { status: 409, title: 'The endpoint has no challenger.', log: 'debug' },
  'no-previous': { status: 409, title: 'The endpoint has no earlier champion to go back to.', log: 'debug' },
  'warming-failed': { status: 503, title: 'The model version could not be made ready.', log: 'error' },
  'queue-full': { status: 429, title: 'Too many rows are waiting for this model.', log: 'warn' },
  'model-not-loaded': { status: 503, title: 'The language model could not be loaded.', log: 'error' },
  'unsupported-parameter': { status: 400, title: 'The request asks for what is not supported.', log: 'debug' },
  'wrong-output': { status: 400, title: 'The model has no such output.', log: 'debug' },
  'unknown-label': { status: 400, title: 'The label is not one of the classes of the output.', log: 'debug' },
  'bad-value': { status: 400, title: 'The value does not fit the kind of feedback.', log: 'debug' },
  'id-reused': { status: 409, title: 'The id stands for other feedback already.', log: 'debug' },
  'improve-running': { status: 409, title: 'An iteration is under way.', log: 'debug' },
  'no-new-labels': { status: 409, title: 'There are no new labels to learn from.', log: 'debug' },
  // the server
  'not-ready': { status: 503, title: 'The server is starting.', log: 'warn' },
  'journal-behind': {
    status: 503,
    title: 'The database takes nothing at the moment; nothing was kept of the request.',
    log: 'error',
  },
  'journal-broken': {
    status: 503,
    title: 'The journal cannot be written; nothing was kept of the request.',
    log: 'error',
  },
  'journal-closed': { status: 503, title: 'The server is stopping; nothing was kept of the request.', log: 'warn' },
  'store-busy': { status: 503, title: 'The database is busy.', log: 'error' },
  'database-closed': { status: 503, title: 'The database has stopped.', log: 'error' },
  'child-failed': { status: 500, title: 'A process of the server failed.', log: 'error' },
  'child-lost': { status: 500, title: 'A process of the server ended without an answer.', log: 'error' },
  'artifact-damaged': { status: 500, title: 'A stored file is damaged; restore it from a backup.', log: 'error' },
  'unknown-artifact': { status: 500, title: 'A stored file is missing; restore it from a backup.', log: 'error' },
  'corrupt-version': { status: 500, title: 'A dataset version is damaged; restore it from a backup.', log: 'error' },
  internal: { status: 500, title: 'The server failed; its log tells why.', log: 'error' },
} as const satisfies Record<string, { status: number; title: string; log: 'debug' | 'info' | 'warn' | 'error' }>

export type ProblemCode = keyof typeof problems

/** The RFC 9457 document of an error. */
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  [extension: string]: unknown
}

/** A refusal with one sentence of detail; its status and title are those of its row in the table. */
export function refuse(code: ProblemCode, detail: string, details: Record<string, unknown> = {}): VolantError {
  return new VolantError(code, detail, details)
}

/** Builds the document for a code; codes of the lower packages without a row of their own are bad requests. */
export function problemOf(code: string, detail: string, extensions: Record<string, unknown> = {}): Problem {
  const row = isProblemCode(code) ? problems[code] : { status: 400, title: 'The data or its description is refused.' }
  return { ...extensions, type: `urn:volant:problem:${code}`, title: row.title, status: row.status, code, detail }
}

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}
