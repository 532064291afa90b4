import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { maskContacts } from './mask.js'

const masked: [text: string, expected: string][] = [
  ['write to joe.doe+x@mail.example.co.uk.', 'write to [email].'],
  ['邮箱abc_12@qq.com谢谢', '邮箱[email]谢谢'],
  ['<mailto:ann@example.org>, bob@example.org', '<mailto:[email]>, [email]'],
  ['"ann"@example.org', '"ann"@example.org'],
  ['+1 (555) 123-4567', '[phone]'],
  ['+44 20 7946 0958 today', '[phone] today'],
  ['+49 (0)30 901820', '[phone]'],
  ['+8613800138000', '[phone]'],
  ['0086 138 0013 8000', '[phone]'],
  ['手机13912345678，谢谢', '手机[phone]，谢谢'],
  ['138-0013-8000或138 0013 8000', '[phone]或[phone]'],
  ['座机010-62345678转801', '座机[phone]'],
  ['客服电话：400-820-8820', '客服电话：[phone]'],
  ['(555) 123-4567 x12', '[phone]'],
  ['555-123-4567, 555.123.4567', '[phone], [phone]'],
  ['1-800-555-0199', '[phone]'],
  ['Tel. 030/1234567', 'Tel. [phone]'],
  ['020 7946 0958', '[phone]'],
  ['07700 900123', '[phone]'],
  ['01 23 45 67 89', '[phone]'],
  ['call me at 5551234567 now', 'call me at [phone] now'],
  ['my phone number is 555 1234 567', 'my phone number is [phone]'],
  ['WhatsApp: 699 956 915', 'WhatsApp: [phone]'],
  ['０１０－６２３４５６７８', '[phone]'],
  ['＋８６ １３８００１３８０００', '[phone]'],
  ['+33 (0)1 23 45 67 89', '[phone]'],
  ['tel:+1-202-555-0143', 'tel:[phone]'],
  ['0412 345 678 or 0800-83-83-83', '[phone] or [phone]'],
  ['13800138000 13900139000', '[phone] [phone]'],
  ['ann@a.com 13800138000 ann@a.com', '[email] [phone] [email]'],
]

const kept = [
  'born 2024-03-01 at 10:30:00',
  'on 01.03.2024 or 03/01/2024 10:30',
  '2024-03-01 12:00:00 UTC',
  'ip 192.168.100.200 and 10.0.0.1',
  'price 1,234,567.89 or $1234567.00 or 12.50',
  'order 20240301123456 and #12345678',
  'invoice INV-2024-000123, ref 4471234567',
  'card 4111 1111 1111 1111',
  'ssn 054-28-6917',
  'isbn 978-3-16-148410-0',
  'tracking 1Z999AA10123456784',
  'between 100-200 and 1000-2000 people',
  'pages 12-34, 56-78',
  'pi is 3.14159265358979',
  'version 1.2.3.4567 of 12.0.1',
  'id 330102199001011234',
  'latitude 37.774929, longitude -122.419416',
  'he scored 10 20 30 40',
  'a@b and @home and x @ y.com',
  'version pkg@1.2.3',
  'uuid 550e8400-e29b-41d4-a716-446655440000',
  '第20240301号，价格13800元',
  '2,500,000 users in 2023 2024',
  'code 007 and 0042',
  'IBAN DE89 3704 0044 0532 0130 00',
  'order no. 0123-456-789, 订单号：13812345678',
  'invoice 001-2024-000123 and PO 000-123-4567',
  'VAT 0123 456 789',
  'see section (10) 100 200',
  'logo@2x.png',
  '２０２４年１月１日',
  'scores 0-1 0-2 0-3 and 12:30-13:45',
  'serial 5105-1051-0510-5100',
]

describe('maskContacts', () => {
  it.each(masked)('%s', (text, expected) => {
    expect(maskContacts(text)).toBe(expected)
  })

  it.each(kept)('keeps: %s', (text) => {
    expect(maskContacts(text)).toBe(text)
  })

  it('changes nothing when done twice', () => {
    for (const [text] of masked) expect(maskContacts(maskContacts(text))).toBe(maskContacts(text))
  })

  const set = '../shared/data/pii_presidio_synth'
  const files = ['train', 'valid', 'test'].map((part) => `${set}/${part}.jsonl`)
  it.skipIf(!files.every(existsSync))(
    'finds the addresses and numbers of pii_presidio_synth (skipped where the set is absent)',
    () => {
      const found = { EMAIL_ADDRESS: [0, 0], PHONE_NUMBER: [0, 0] }
      let [marks, extra] = [0, 0]
      const lines = files.flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
      for (const line of lines) {
        const { text, spans } = JSON.parse(line) as { text: string; spans: { type: string; value: string }[] }
        const out = maskContacts(text)
        const contacts = spans.filter((span) => span.type in found)
        for (const { type, value } of contacts) {
          const counts = found[type as keyof typeof found]
          counts[0]!++
          if (!out.includes(value)) counts[1]!++
        }
        const made = out.match(/\[(?:email|phone)\]/g)?.length ?? 0
        marks += made
        extra += Math.max(0, made - contacts.length)
      }
      const [email, phone] = [found.EMAIL_ADDRESS, found.PHONE_NUMBER].map(([all, right]) => right! / all!)
      console.log(
        `pii_presidio_synth: e-mail recall ${email!.toFixed(3)} of ${found.EMAIL_ADDRESS[0]}, phone recall ${phone!.toFixed(3)} of ${found.PHONE_NUMBER[0]}, precision ${(1 - extra / marks).toFixed(3)}`,
      )
      expect(email).toBe(1)
      expect(phone).toBeGreaterThan(0.95)
      expect(extra / marks).toBeLessThan(0.05)
    },
  )
})
