import { readFileSync } from 'node:fs'
import { PodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

/** A pod template as Kubernetes' own published schema has it. */
const podTemplate = z.custom<unknown>().superRefine((value, context) => {
  try {
    new PodTemplateSpec(value as object).validate()
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

const replicas = z.strictObject({
  replicas: z.int().min(1),
  restartPolicy: z.enum(['Never', 'OnFailure', 'Always', 'ExitCode']).optional(),
  template: podTemplate,
})

/** The fields of MPIJob v2beta1 (https://github.com/kubeflow/mpi-operator, API of kubeflow.org/v2beta1). */
const mpiJob = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v2beta1'),
  kind: z.literal('MPIJob'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/) }),
  spec: z.strictObject({
    slotsPerWorker: z.int().min(1).optional(),
    runLauncherAsWorker: z.boolean().optional(),
    sshAuthMountPath: z.string().optional(),
    launcherCreationPolicy: z.enum(['AtStartup', 'WaitForWorkersReady']).optional(),
    mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']).optional(),
    runPolicy: z
      .strictObject({
        cleanPodPolicy: z.enum(['None', 'Running', 'All']).optional(),
        ttlSecondsAfterFinished: z.int().optional(),
        activeDeadlineSeconds: z.int().optional(),
        backoffLimit: z.int().min(0).optional(),
        suspend: z.boolean().optional(),
      })
      .optional(),
    mpiReplicaSpecs: z.strictObject({ Launcher: replicas, Worker: replicas }),
  }),
})

const read = () =>
  parse(readFileSync(new URL('../examples/kubernetes/mpijob.yaml', import.meta.url), 'utf8')) as z.infer<typeof mpiJob>

describe('examples/kubernetes/mpijob.yaml', () => {
  it('fits the schema of an MPIJob and of its pods', () => {
    expect(mpiJob.safeParse(read()).error?.issues ?? []).toEqual([])
  })

  it('starts as many processes as there are slots', () => {
    const { spec } = read()
    const [launcher, worker] = [spec.mpiReplicaSpecs.Launcher, spec.mpiReplicaSpecs.Worker]
    const { args } = (launcher.template as { spec: { containers: { args: string[] }[] } }).spec.containers[0]!
    expect(Number(args[args.indexOf('-n') + 1])).toBe(worker.replicas * (spec.slotsPerWorker ?? 1))
  })

  it('would be refused with a misspelt field of the job, or a pod of the wrong form', () => {
    const job = read()
    expect(mpiJob.safeParse({ ...job, spec: { ...job.spec, slotPerWorker: 1 } }).success).toBe(false)
    const template = job.spec.mpiReplicaSpecs.Worker.template as { spec: { containers: Record<string, unknown>[] } }
    template.spec.containers[0]!['command'] = '/usr/sbin/sshd -De'
    expect(mpiJob.safeParse(job).success).toBe(false)
  })
})
