export function readPage(page: string): { program: string; printed: string[] }
