import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { en } from './en'
import { zh } from './zh'

const KEY = 'volant-language'

/** The language chosen before, else the browser's. */
function preferred(): 'en' | 'zh' {
  const chosen = localStorage.getItem(KEY) ?? navigator.language
  return chosen.startsWith('zh') ? 'zh' : 'en'
}

void i18next.use(initReactI18next).init({
  lng: preferred(),
  fallbackLng: 'en',
  resources: { en: { translation: en }, zh: { translation: zh } },
  interpolation: { escapeValue: false },
})
document.documentElement.lang = i18next.language

export function switchLanguage(): void {
  const next = i18next.language === 'zh' ? 'en' : 'zh'
  localStorage.setItem(KEY, next)
  document.documentElement.lang = next
  void i18next.changeLanguage(next)
}
