export { HostedModels, type LanguageOptions } from './hosted.js'
export { openAiError } from './openai-error.js'
export { openAiRoutes, tokenRoutes } from './routes.js'
export { LanguageService } from './service.js'
