// What only a browser can see of a built deck: does each slide fit, is its type large enough, is all of it drawn in the
// deck's own fonts, does it ask for anything outside.
//
// In: node measure.mjs <folder of node_modules> <chromium> <seconds a step may take> <deck.html>...
// Out: on stdout a JSON list with, for each deck, a list of {slide, text}.
// Knows Marp's HTML (a section a slide); knows nothing about how the deck was written.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, chromium, seconds, ...decks] = process.argv.slice(2)
const puppeteer = createRequire(resolve(modules, 'package.json'))('puppeteer-core')

const SECTIONS = 'svg[data-marpit-svg] section'
// Type in pixels, and what needs it. On paper, 11 pixels are 8 points.
const SMALLEST = { screen: [16, 'the back row'], print: [11, 'a reader of paper'] }
const UNSEEN = 3 // pixels of 1280: nobody sees a line that begins so much lower, or a box that is so much wider

// Runs in the page. Units: CSS pixels of the slide, whatever the window's scale.
function faultsOfSlides(sections, smallestOfAll, unseen) {
  const faults = []
  document.querySelectorAll(sections).forEach((section, index) => {
    const report = (text) => faults.push({ slide: index + 1, text })
    const name = (element) => {
      const words = (element.alt || element.ariaLabel || element.textContent).trim().replace(/\s+/g, ' ').slice(0, 40)
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
    const beyond = (box, frame) => ({
      left: (frame.left - box.left) / scale,
      top: (frame.top - box.top) / scale,
      right: (box.right - frame.right) / scale,
      bottom: (box.bottom - frame.bottom) / scale,
    })
    const visible = (element) => {
      const box = element.getBoundingClientRect()
      return box.width && box.height && !element.closest('header, footer')
    }
    const content = [...section.querySelectorAll('*')].filter(visible)
    const drawn = content.filter((element) => element.ownerSVGElement?.closest('section') === section)
    const laidOut = content.filter((element) => !drawn.includes(element))

    const past = { left: unseen, top: unseen, right: unseen, bottom: unseen }
    const widest = {}
    for (const element of laidOut) {
      const over = beyond(element.getBoundingClientRect(), bounds)
      for (const side of Object.keys(past)) {
        if (over[side] > past[side]) [past[side], widest[side]] = [over[side], element]
      }
      if (element.clientWidth && element.scrollWidth > element.clientWidth + unseen) {
        report(`clips ${element.scrollWidth - element.clientWidth} px of ${name(element)} at its right`)
      }
    }
    for (const [side, element] of Object.entries(widest)) {
      const lost = Math.ceil(beyond(element.getBoundingClientRect(), outer)[side])
      const cut = lost > 0 ? `, and ${lost} px of it are cut off` : ''
      report(`overflows by ${Math.ceil(past[side])} px at its ${side}: ${name(element)}${cut}`)
    }
    for (const text of drawn.filter((element) => element.localName === 'text')) {
      const over = beyond(text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect())
      for (const [side, pixels] of Object.entries(over)) {
        if (pixels > unseen) report(`cuts off ${Math.ceil(pixels)} px of ${name(text)} at the ${side} of its picture`)
      }
    }
    for (const element of content) {
      const speaks = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())
      if (!speaks) continue
      const zoom = element.ownerSVGElement && drawn.includes(element) ? element.getScreenCTM().a / scale : 1
      const [smallestType, reader] = smallestOfAll[section.classList.contains('sheet') ? 'print' : 'screen']
      const size = Math.round(parseFloat(getComputedStyle(element).fontSize) * zoom * 10) / 10
      if (size < smallestType) report(`sets ${name(element)} in ${size} px; ${reader} needs ${smallestType}`)
    }
    for (const image of section.querySelectorAll('img')) {
      if (!image.naturalWidth) report(`shows no picture for "${image.alt}"`)
    }
  })
  return faults
}

// Text in a font that the deck does not carry: it looks different on a machine that has other fonts.
async function foreignFonts(page) {
  const session = await page.createCDPSession()
  await session.send('DOM.enable')
  await session.send('CSS.enable')
  const all = async (nodeId, selector) => (await session.send('DOM.querySelectorAll', { nodeId, selector })).nodeIds
  const { root } = await session.send('DOM.getDocument', { depth: 0 })
  const faults = []
  for (const [index, section] of (await all(root.nodeId, SECTIONS)).entries()) {
    const nodes = [section, ...(await all(section, '*'))]
    const fonts = await Promise.all(nodes.map((nodeId) => session.send('CSS.getPlatformFontsForNode', { nodeId })))
    const told = new Set()
    // From the last to the first: the innermost element is the one to name.
    for (const [position, nodeId] of [...nodes.entries()].reverse()) {
      for (const font of fonts[position].fonts.filter((font) => !font.isCustomFont && !told.has(font.familyName))) {
        told.add(font.familyName)
        const { object } = await session.send('DOM.resolveNode', { nodeId })
        const { result } = await session.send('Runtime.callFunctionOn', {
          objectId: object.objectId,
          functionDeclaration: 'function () { return this.textContent.trim().replace(/\\s+/g, " ").slice(0, 40) }',
          returnByValue: true,
        })
        const text = `draws part of "${result.value}" in ${font.familyName}, a font of this machine that the deck does not carry`
        faults.push({ slide: index + 1, text })
      }
    }
  }
  await session.detach()
  return faults
}

async function faultsOf(deck) {
  const page = await browser.newPage()
  await page.setViewport({ width: 1280, height: 720 })
  const outside = new Set()
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) outside.add(request.url())
  })
  await page.setOfflineMode(true)
  await page.goto(pathToFileURL(resolve(deck)).href, { waitUntil: 'load' })
  // In print all slides are laid out at once; on a screen only the one that is shown.
  await page.emulateMediaType('print')
  await page.evaluate(() => Promise.all([...document.fonts].map((font) => font.load())))
  const faults = await page.evaluate(faultsOfSlides, SECTIONS, SMALLEST, UNSEEN)
  faults.push(...(await foreignFonts(page)))
  for (const url of outside) faults.push({ slide: 1, text: `makes the deck ask for ${url}` })
  await page.close()
  return faults.sort((one, other) => one.slide - other.slide)
}

const profile = mkdtempSync(join(tmpdir(), 'slides-'))
const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: profile,
  timeout: seconds * 1000,
  protocolTimeout: seconds * 1000,
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
  const report = []
  for (const deck of decks) report.push(await faultsOf(deck))
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
