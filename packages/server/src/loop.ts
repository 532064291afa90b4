import type { Access } from './access/index.js'
import type { App } from './api.js'
import type { Channels } from './channels/index.js'
import { collectMigrations, collectRoutes, Datasets, fieldsOf } from './collect/index.js'
import { deployMigrations, deployRoutes, Endpoints } from './deploy/index.js'
import { Evaluations, evaluateMigrations } from './evaluate/index.js'
import { Events } from './events.js'
import {
  FeedbackBook,
  feedbackKind,
  Iterations,
  improveMigrations,
  improveRoutes,
  KnownClasses,
  Questioner,
  Summaries,
} from './improve/index.js'
import type { Jobs } from './jobs/index.js'
import { removeLeftovers } from './leftovers.js'
import type { Metrics } from './metrics.js'
import { needsMigrations, needsRoutes, type Project, Projects } from './needs/index.js'
import { Profiles, prepareMigrations, prepareRoutes, TestSets } from './prepare/index.js'
import { Predictions, predictionKind, serveMigrations, serveRoutes } from './serve/index.js'
import type { Journal, Log, Store } from './store/index.js'
import { Runs, trainMigrations, trainRoutes, Versions, versionRoutes } from './train/index.js'

/** What the stages share. */
export interface Shared {
  store: Store
  journal: Journal
  channels: Channels
  jobs: Jobs
  access: Access
  metrics: Metrics
  log: Log
}

export const loopMigrations = [
  ...needsMigrations,
  ...collectMigrations,
  ...prepareMigrations,
  ...trainMigrations,
  ...evaluateMigrations,
  ...deployMigrations,
  ...serveMigrations,
  ...improveMigrations,
]

export const loopKinds = { prediction: predictionKind, feedback: feedbackKind }

/** The stages, put together in the order of the loop. */
export function makeLoop(shared: Shared) {
  const { store, journal, channels, jobs, access, metrics, log } = shared
  const events = new Events()
  const projects = new Projects(store, journal)
  const testSets = new TestSets(store, events)
  const testKeys = async (project: Project) => {
    const inputs = Object.keys(fieldsOf(project, 'inputs'))
    const keys = inputs.length > 0 ? await testSets.keys(project, inputs) : null
    return keys && { inputs, keys }
  }
  const datasets = new Datasets(store, events, testKeys)
  projects.onRemove((trx, project) => channels.forget(trx, project))
  const profiles = new Profiles(datasets, testSets)
  const evaluations = new Evaluations(store)
  const versions = new Versions(store, evaluations)
  const runs = new Runs({ store, jobs, events, projects, datasets, testSets })
  removeLeftovers({ store, projects, runs, removeData: (project) => datasets.removeFiles(project), log })
  const endpoints = new Endpoints({ store, events, versions, log })
  const predictions = new Predictions({ store, journal, channels, endpoints, projects, events, metrics, log })
  const classes = new KnownClasses(datasets, testSets)
  const feedbackBook = new FeedbackBook({ store, journal, predictions, versions, classes, events, metrics })
  const questioner = new Questioner({ store, journal, datasets, testSets, endpoints, versions, predictions })
  const iterations = new Iterations({
    store,
    journal,
    jobs,
    events,
    projects,
    datasets,
    runs,
    versions,
    evaluations,
    endpoints,
  })
  const summaries = new Summaries({
    store,
    journal,
    channels,
    datasets,
    testSets,
    runs,
    versions,
    evaluations,
    endpoints,
  })
  const stages = {
    events,
    projects,
    testSets,
    datasets,
    evaluations,
    versions,
    runs,
    endpoints,
    predictions,
    feedbackBook,
    questioner,
    iterations,
    summaries,
  }
  return {
    ...stages,
    /** Registers the routes of all stages under /api/v1. */
    routes(app: App): void {
      needsRoutes(app, projects)
      collectRoutes(app, projects, datasets)
      prepareRoutes(app, { projects, datasets, testSets, profiles })
      trainRoutes(app, projects, runs)
      versionRoutes(app, { projects, versions, endpoints })
      deployRoutes(app, projects, endpoints)
      serveRoutes(app, { projects, predictions, endpoints, versions })
      improveRoutes(app, { ...stages, channels, access, store, journal })
    },
    /** Loads what is deployed and takes up work that waits. */
    async start(): Promise<void> {
      await endpoints.warmAll()
      await runs.start()
      await iterations.start()
    },
    /** Ends what runs beside requests. */
    async close(): Promise<void> {
      await predictions.close()
      await endpoints.close()
    },
  }
}
