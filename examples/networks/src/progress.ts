import type { TrainEvent } from '@volant/nn'

const EVERY = 5000

/** Prints how a training goes: a line every five seconds and one for each epoch, on stderr. */
export function progress(say = (line: string) => void process.stderr.write(`${line}\n`)): (event: TrainEvent) => void {
  let last = Date.now()
  return (event) => {
    if (event.type === 'start') say(`${event.parameters} parameters, ${event.totalSteps} steps${from(event.step)}`)
    else if (event.type === 'checkpoint') say(`saved step ${event.step} in ${event.file}`)
    else if (event.type === 'epoch') {
      const scores = Object.entries(event.validation ?? {}).map(([name, value]) => `, ${name} ${value.toFixed(4)}`)
      say(`epoch ${event.epoch}: loss ${event.loss.toFixed(4)}${scores.join('')}`)
    } else if (Date.now() - last > EVERY) {
      last = Date.now()
      const { step, totalSteps, epoch, loss, rowsPerSecond, secondsLeft } = event
      const pace = `${rowsPerSecond.toFixed(0)} rows/s, ${duration(secondsLeft)} left`
      say(`step ${step} of ${totalSteps}, epoch ${epoch}: loss ${loss.toFixed(4)}, ${pace}`)
    }
  }
}

const from = (step: number) => (step > 0 ? `, going on from step ${step}` : '')

const duration = (seconds: number): string =>
  seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`
