// Where the page stands: the server's public path and the atlas of this page.

/** The server's public path, `/` or `/prefix/`. */
export function root(): string {
  const content = document.querySelector<HTMLMetaElement>('meta[name="kommunalatlas-root"]')?.content ?? "/";
  // A server that does not fill in the placeholder serves the pages at its top.
  return content.startsWith("/") ? content : "/";
}

/** The slug of the atlas that this page shows. */
export function atlasSlug(): string {
  const path = location.pathname.slice(root().length);
  return path.split("/")[0] ?? "";
}
