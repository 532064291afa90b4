/**
 * All tables of the database. Each part adds its own beside its code:
 * `declare module '../store/tables.js' { interface Tables { runs: RunTable } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Tables {}
