/**
 * Environment variables for a process that trains: pass them to the child process (`{ ...process.env, ...trainingEnvironment() }`).
 * glibc then keeps freed memory for the next step instead of handing it back to the kernel, and asks for huge pages (Linux with
 * glibc 2.35 or later; nothing elsewhere). They must be set before the process starts. What is set already wins.
 */
export function trainingEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const settings = {
    MALLOC_MMAP_THRESHOLD_: String(2 ** 30),
    MALLOC_TRIM_THRESHOLD_: String(2 ** 31 - 1),
    // Heaps of other threads than the main one, such as the runtime's, would still be handed back.
    MALLOC_ARENA_MAX: '1',
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  }
  return Object.fromEntries(Object.entries(settings).filter(([name]) => environment[name] === undefined))
}
