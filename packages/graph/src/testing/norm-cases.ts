import * as n from '../functions/normalisation.js'
import { list, type NdArray, nd, random, sum } from './array.js'
import type { Case } from './case.js'
import { places } from './image-cases.js'

/** Mean and variance of the elements that an index function picks. */
function statistics(count: number, element: (i: number) => number): [mean: number, variance: number] {
  const mean = sum(count, element) / count
  return [mean, sum(count, (i) => (element(i) - mean) ** 2) / count]
}

const channelStatistics = (x: NdArray, channel: number) => {
  const [B, , ...size] = x.dims as [number, number, ...number[]]
  const all = places([B, ...size]).map(([image, ...at]) => x.at(image!, channel, ...at))
  return statistics(all.length, (i) => all[i]!)
}

const batchNormCases: Case[] = [
  [4, 3],
  [3, 2, 5],
  [2, 3, 2, 2],
].flatMap((dims) => {
  const C = dims[1]!
  const names = ['B', C, ...['H', 'W'].slice(0, dims.length - 2)]
  return [1e-5, 0.5].map(
    (eps): Case => ({
      name: `batchNorm of [${dims}], eps ${eps}`,
      inputs: [random(dims), random([C], 2), random([C], 3)],
      shapes: [names, [C], [C]],
      tolerance: 5e-5,
      build: (x, gamma, beta) => n.batchNorm(x!, gamma!, beta!, eps).y,
      reference: (x, gamma, beta) =>
        nd(dims, (image, channel, ...at) => {
          const [mean, variance] = channelStatistics(x!, channel!)
          const centred = x!.at(image!, channel!, ...at) - mean
          return (centred / Math.sqrt(variance + eps)) * gamma!.at(channel!) + beta!.at(channel!)
        }),
    }),
  )
})

const statisticCase = (which: 'mean' | 'variance'): Case => ({
  name: `${which} of batchNorm`,
  inputs: [random([3, 2, 4], 1, 1, 3), list([1, 1]), list([0, 0])],
  differentiate: [],
  build: (x, gamma, beta) => n.batchNorm(x!, gamma!, beta!)[which],
  reference: (x) => nd([2], (channel) => channelStatistics(x!, channel)[which === 'mean' ? 0 : 1]),
})

const groupNormCases: Case[] = [1, 2, 4].flatMap((groups) =>
  [
    [3, 4, 2, 3],
    [3, 4, 5],
    [2, 4],
  ].map((dims): Case => {
    const size = 4 / groups
    const spatial = dims.slice(2)
    return {
      name: `groupNorm of [${dims}] in ${groups} groups`,
      inputs: [random(dims), random([4], 2), random([4], 3)],
      shapes: [['B', 4, ...['H', 'W'].slice(0, spatial.length)], [4], [4]],
      tolerance: 5e-5,
      build: (x, gamma, beta) =>
        groups === 4 ? n.instanceNorm(x!, gamma!, beta!, 0.1) : n.groupNorm(x!, gamma!, beta!, groups, 0.1),
      reference: (x, gamma, beta) =>
        nd(dims, (image, channel, ...at) => {
          const first = Math.floor(channel! / size) * size
          const all = places([size, ...spatial]).map(([c, ...place]) => x!.at(image!, first + c!, ...place))
          const [mean, variance] = statistics(all.length, (i) => all[i]!)
          const normal = (x!.at(image!, channel!, ...at) - mean) / Math.sqrt(variance + 0.1)
          return normal * gamma!.at(channel!) + beta!.at(channel!)
        }),
    }
  }),
)

export const normCases: Case[] = [
  ...batchNormCases,
  statisticCase('mean'),
  statisticCase('variance'),
  {
    name: 'fixedBatchNorm',
    inputs: [random([2, 3, 2, 2]), random([3], 2), random([3], 3), random([3], 4), random([3], 5, 0.5, 2)],
    shapes: [['B', 3, 'H', 'W'], [3], [3], [3], [3]],
    tolerance: 5e-5,
    build: (x, gamma, beta, mean, variance) => n.fixedBatchNorm(x!, gamma!, beta!, mean!, variance!, 0.1),
    reference: (x, gamma, beta, mean, variance) =>
      nd([2, 3, 2, 2], (b, ch, i, j) => {
        const centred = x!.at(b!, ch!, i!, j!) - mean!.at(ch!)
        return (centred / Math.sqrt(variance!.at(ch!) + 0.1)) * gamma!.at(ch!) + beta!.at(ch!)
      }),
  },
  ...groupNormCases,
  ...[1e-6, 0.5].map(
    (eps): Case => ({
      name: `rmsNorm, eps ${eps}`,
      inputs: [random([2, 3, 5]), random([5], 2)],
      shapes: [['B', 'T', 5], [5]],
      build: (x, gamma) => n.rmsNorm(x!, gamma!, eps),
      reference: (x, gamma) =>
        nd([2, 3, 5], (i, j, k) => {
          const meanSquare = sum(5, (m) => x!.at(i!, j!, m) ** 2) / 5
          return (x!.at(i!, j!, k!) / Math.sqrt(meanSquare + eps)) * gamma!.at(k!)
        }),
    }),
  ),
]
