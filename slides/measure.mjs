// What only a browser can see of a built deck: does each slide fit, is its type large enough, does it ask for anything outside.
//
// In: node measure.mjs <folder of node_modules> <chromium> <deck.html>. Out: a JSON list of {slide, text} on stdout.
// Knows Marp's HTML (a section a slide); knows nothing about how the deck was written.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, chromium, html] = process.argv.slice(2)
const puppeteer = createRequire(resolve(modules, 'package.json'))('puppeteer-core')

// Runs in the page. Units: CSS pixels of the slide, whatever the window's scale.
function faultsOfSlides(smallestType) {
  const faults = []
  document.querySelectorAll('svg[data-marpit-svg] section').forEach((section, index) => {
    const report = (text) => faults.push({ slide: index + 1, text })
    const name = (element) => {
      const words = (element.alt || element.textContent).trim().replace(/\s+/g, ' ').slice(0, 40)
      return `<${element.localName}>` + (words ? ` "${words}"` : '')
    }
    const outer = section.getBoundingClientRect()
    const scale = outer.width / section.offsetWidth
    const style = getComputedStyle(section)
    const bounds = {
      left: outer.left + parseFloat(style.paddingLeft) * scale,
      top: outer.top + parseFloat(style.paddingTop) * scale,
      right: outer.right - parseFloat(style.paddingRight) * scale,
      bottom: outer.bottom - parseFloat(style.paddingBottom) * scale,
    }
    const content = [...section.querySelectorAll('*')].filter((element) => !element.closest('header, footer'))
    const past = { left: 0, top: 0, right: 0, bottom: 0 }
    const widest = {}
    for (const element of content) {
      const box = element.getBoundingClientRect()
      if (!box.width || !box.height) continue
      const over = {
        left: bounds.left - box.left,
        top: bounds.top - box.top,
        right: box.right - bounds.right,
        bottom: box.bottom - bounds.bottom,
      }
      for (const side of Object.keys(past)) {
        if (over[side] > past[side]) [past[side], widest[side]] = [over[side], element]
      }
      if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) {
        report(`clips ${element.scrollWidth - element.clientWidth} px of ${name(element)} at its right`)
      }
    }
    for (const [side, pixels] of Object.entries(past)) {
      if (pixels / scale > 1) report(`overflows by ${Math.ceil(pixels / scale)} px at its ${side}: ${name(widest[side])}`)
    }
    for (const element of content) {
      const speaks = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())
      const size = parseFloat(getComputedStyle(element).fontSize)
      if (speaks && size < smallestType) report(`sets ${name(element)} in ${size} px; the back row needs ${smallestType}`)
    }
    for (const image of section.querySelectorAll('img')) {
      if (!image.naturalWidth) report(`shows no picture for "${image.alt}"`)
    }
  })
  return faults
}

const profile = mkdtempSync(join(tmpdir(), 'slides-'))
const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: profile,
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
try {
  const page = await browser.newPage()
  await page.setViewport({ width: 1280, height: 720 })
  const outside = new Set()
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) outside.add(request.url())
  })
  await page.setOfflineMode(true)
  await page.goto(pathToFileURL(resolve(html)).href, { waitUntil: 'load' })
  // In print all slides are laid out at once; on a screen only the one that is shown.
  await page.emulateMediaType('print')
  const faults = await page.evaluate(faultsOfSlides, 16)
  for (const url of outside) faults.push({ slide: 1, text: `makes the deck ask for ${url}` })
  console.log(JSON.stringify(faults))
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
