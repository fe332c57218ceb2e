import { fileURLToPath } from 'node:url'

import { defineMdastPlugin } from 'satteri'

const PAGES = new URL('./content/docs/', import.meta.url)

/**
 * Links between pages are written as paths of files, so that they also lead somewhere where the
 * repository is read; on the site they are addresses of pages.
 */
export const pageLinks = ({ fileURL }) =>
  defineMdastPlugin({
    name: 'page-links',
    link(node, context) {
      if (!fileURL || !/^[^:#]+\.mdx?(#|$)/.test(node.url)) return
      const target = new URL(node.url, fileURL)
      const path = fileURLToPath(target).slice(fileURLToPath(PAGES).length)
      const slug = path.replace(/\.mdx?$/, '').replace(/(^|\/)index$/, '')
      context.setProperty(node, 'url', `/${slug}${slug && '/'}${target.hash}`)
    },
  })
