// What Marp may do: our own HTML blocks, nothing from elsewhere (its emoji pictures and its formulas' fonts come from a CDN).
export default {
  html: true,
  options: {
    emoji: { shortcode: false, unicode: false },
    math: false,
  },
}
