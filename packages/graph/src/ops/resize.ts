import { printShape } from '../dims.js'
import { type Resize, spreadBack } from '../functions/resize.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireFloat } from './shapes.js'
import { spatial } from './windows.js'

export const resizing = {
  resize: row<Resize>({
    shape: ({ x: [x], attributes: { size } }) => {
      requireFloat(x!)
      if (x!.shape.length < 3 || x!.shape.length !== size.length + 2)
        throw new RuleViolation(`the size ${printShape(size)} is not for the axes after batch and channels`)
      return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...size] }]
    },
    grad: ({ dy, attributes }, x) => [spreadBack(dy, spatial(x!.shape), attributes)],
    lower: ({ emit, names, y: [y], attributes: { mode, alignCorners } }) => {
      const linear = alignCorners ? 'align_corners' : 'half_pixel'
      return [
        emit.op('Resize', [names[0]!, '', '', emit.shape(y!.shape)], {
          mode,
          coordinate_transformation_mode: mode === 'nearest' ? 'asymmetric' : linear,
          nearest_mode: 'floor',
        }),
      ]
    },
  }),
} satisfies OpTable
