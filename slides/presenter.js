// In the presenter view only: a bar above the note with the next command to type, and a button that copies it.
//
// In: the commands of each slide, and the bar's words, which presenter.py puts here. The key c copies, too. After a
// copy, the bar shows the next command; a slide without commands shows the first one of the next slide that has some.
// Knows the names of Marp's presenter view; knows nothing about how the deck was written.

addEventListener('load', () => {
  const commands = COMMANDS_OF_EACH_SLIDE
  const words = WORDS_OF_THE_BAR
  const notes = document.querySelector('.bespoke-marp-presenter-note-container')
  if (document.body.dataset.bespokeView !== 'presenter' || !notes) return

  const HEIGHT = 132 // pixels
  const bar = document.createElement('div')
  bar.className = 'next-command'
  bar.innerHTML = '<p></p><pre></pre><button type="button"></button>'
  const style = document.createElement('style')
  style.textContent = `
    .next-command { position: absolute; inset: 0 0 auto; height: ${HEIGHT}px; box-sizing: border-box; padding: 10px 20px;
      display: grid; grid-template: auto 1fr / 1fr auto; gap: 4px 12px; background: #10202a; overflow: hidden }
    .next-command p { margin: 0; font-size: 14px; color: #a9bcd6 }
    .next-command pre { grid-row: 2; margin: 0; font: 15px/1.3 "JetBrains Mono", monospace; color: #fff;
      white-space: pre-wrap; overflow-wrap: anywhere; overflow: auto }
    .next-command button { grid-area: 1 / 2 / 3 / 3; align-self: center; padding: 8px 14px !important; height: auto !important;
      width: auto !important; background: #0a6a6e !important; color: #fff; border-radius: 6px; font-size: 15px }
    .next-command button:disabled { visibility: hidden }
    body .bespoke-marp-presenter-note-wrapper { inset: ${HEIGHT}px 0 0 0 !important }`
  document.head.append(style)
  notes.append(bar)
  const [label, text, button] = bar.children
  button.textContent = `${words.copy} (c)`

  let slide = 0
  let position = 0 // in the commands of this slide, and then of the slides after it
  const following = () => commands.slice(slide).flatMap((some, ahead) => some.map((command) => ({ command, ahead })))

  const show = (copied) => {
    const next = following()[position]
    text.textContent = next ? next.command : ''
    button.disabled = !next
    const where = !next ? words.none : next.ahead ? `${words.ahead} ${slide + next.ahead + 1}` : words.next
    label.textContent = copied ? `${words.copied} ${where}` : where
  }
  const slides = [...document.querySelectorAll('svg.bespoke-marp-slide')]
  const follow = () => {
    const active = slides.findIndex((one) => one.classList.contains('bespoke-marp-active'))
    if (active < 0 || active === slide) return
    slide = active
    position = 0
    show(false)
  }

  // A page from a file may have no clipboard of its own: then the browser copies a selection.
  const copySelected = (command) => {
    const area = document.createElement('textarea')
    area.value = command
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
  }
  const copy = async () => {
    const next = following()[position]
    if (!next) return
    try {
      await navigator.clipboard.writeText(next.command)
    } catch {
      copySelected(next.command)
    }
    position += 1
    button.blur() // else the space bar presses it again, and does not go to the next slide
    show(true)
  }

  button.addEventListener('click', copy)
  addEventListener('keydown', (event) => {
    if (event.key === 'c' && !event.ctrlKey && !event.metaKey && !event.altKey) copy()
  })
  const observer = new MutationObserver(follow)
  for (const one of slides) observer.observe(one, { attributes: true, attributeFilter: ['class'] })
  follow()
  show(false)
})
