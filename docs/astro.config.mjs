import { satteri } from '@astrojs/markdown-satteri'
import starlight from '@astrojs/starlight'
import { defineConfig } from 'astro/config'
import starlightLinksValidator from 'starlight-links-validator'
import starlightOpenAPI, { createOpenAPISidebarGroup } from 'starlight-openapi'

import { pageLinks } from './src/page-links.mjs'

const reference = createOpenAPISidebarGroup()

export default defineConfig({
  markdown: { processor: satteri({ mdastPlugins: [pageLinks] }) },
  integrations: [
    starlight({
      title: 'Vestibule',
      description: 'Self-hosted sign-in for platforms whose users belong to organizations.',
      logo: { src: './src/assets/vestibule.svg' },
      favicon: '/favicon.svg',
      customCss: ['./src/site.css'],
      plugins: [
        starlightOpenAPI([
          { base: 'reference', schema: './openapi.json', sidebar: { label: 'API reference', group: reference } },
        ]),
        // Pages of the reference are drawn by a plugin that this one does not see: tests/docs follows links there.
        starlightLinksValidator({ exclude: ['/reference/**'] }),
      ],
      sidebar: [
        { label: 'Start', items: ['quick-start', 'clients', 'tokens', 'errors'] },
        { label: 'Your platform', items: ['protect-your-api', 'sdk'] },
        { label: 'People and passwords', items: ['pages', 'passwords', 'directories', 'scim', 'mail'] },
        { label: 'Migrate from', items: [{ autogenerate: { directory: 'migrate' } }] },
        {
          label: 'Run it',
          items: ['deployment', 'configuration', 'operations', 'observability', 'scaling', 'upgrade'],
        },
        { label: 'Security', items: ['security-model', 'threat-model'] },
        {
          label: 'How it is built',
          items: ['architecture', 'migrations', 'benchmarks', 'benchmarks-at-scale', 'peers'],
        },
        reference,
      ],
    }),
  ],
})
