import { type Graph, GraphBuilder, gradients } from '@volant/graph'
import { Context } from '@volant/nn'
import type { Lesson } from './lesson.js'

/** The graph of a training step without its optimiser: the loss, and the gradient of each parameter as an output. */
export interface DrawnGraph {
  readonly graph: Graph
  /** So many of the nodes, the first ones, are the forward half. */
  readonly forward: number
}

/** Builds it by the functions that the trainer uses. */
export function drawnGraph({ settings: { model, inputs, loss: makeLoss } }: Lesson): DrawnGraph {
  const builder = new GraphBuilder('step')
  const context = new Context(builder, model, { training: true })
  const declared = Object.entries(inputs).map(([name, { dtype, shape }]) => [name, context.input(name, dtype, shape)])
  const loss = makeLoss(context, Object.fromEntries(declared))
  const forward = builder.nodes.length
  const slopes = gradients(
    loss,
    context.parameters.map(({ value }) => value),
  )
  builder.output('loss', loss)
  context.parameters.forEach(({ path }, i) => {
    builder.output(`∂ ${path}`, slopes[i]!)
  })
  return { graph: builder.build(), forward }
}
