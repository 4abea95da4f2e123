// Walks the login by an identity provider against npm `oidc-provider` on this machine: once with a provider that puts the
// claims into the ID token, once with one that tells them at its userinfo endpoint only, once over https with a certificate
// of an authority that nobody else knows. Usage: oidc_provider.mjs BINARY STORE CERTIFICATES, a folder with ca.pem, cert.pem
// and key.pem.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import { createServer as createSocket } from "node:net";
import { strict as assert } from "node:assert";

const require = createRequire(new URL("../web/package.json", import.meta.url));
const { Provider } = await import(require.resolve("oidc-provider"));
// The provider warns that it keeps everything in memory, which is what this test wants.
console.warn = console.info = () => {};
const [binary, store, certificates] = process.argv.slice(2);
const CLIENT_SECRET = "ein-Geheimnis-des-Servers-beim-Anbieter";
const ATLAS = "kreis-a";

/** Texts that must not be in a log of the server. */
const secrets = [CLIENT_SECRET];

/** Who signs in next, and whether the provider lets the person in. */
let person = { sub: "4711", preferred_username: "anna", name: "Anna Meier", realm_access: { roles: [] } };
let denied = false;

async function freePort() {
  const socket = createSocket().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

/** A provider whose page lets `person` in at once, without asking for a password. */
async function startProvider(callback, inToken, secure) {
  const port = await freePort();
  const issuer = `${secure ? "https" : "http"}://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "atlas", client_secret: CLIENT_SECRET, redirect_uris: [callback], grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub"], profile: ["name", "preferred_username", "realm_access"] },
    conformIdTokenClaims: !inToken,
    cookies: { keys: ["keys of the test's provider"] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...person, sub }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Nobody is asked for consent.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  const answers = provider.callback();
  const answer = (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answers(request, response);
    const result = denied ? { error: "access_denied", error_description: "inner detail" } : { login: { accountId: person.sub } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };
  const file = (name) => readFileSync(`${certificates}/${name}`);
  const server = secure ? createSecureServer({ key: file("key.pem"), cert: file("cert.pem") }, answer) : createServer(answer);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { issuer, server };
}

function startServer(port, issuer, trusted) {
  const environment = {
    ...(trusted ? { KOMMUNALATLAS_OIDC_CA_FILE: `${certificates}/ca.pem` } : {}),
    RUST_LOG: "trace",
    KOMMUNALATLAS_PUBLIC_URL: `http://localhost:${port}`,
    KOMMUNALATLAS_OIDC_ISSUER: issuer,
    KOMMUNALATLAS_OIDC_CLIENT_ID: "atlas",
    KOMMUNALATLAS_OIDC_CLIENT_SECRET: CLIENT_SECRET,
    KOMMUNALATLAS_OIDC_ROLES_CLAIM: "realm_access.roles",
  };
  const server = spawn(binary, ["serve", "--store", store, "--listen", `127.0.0.1:${port}`], {
    env: { ...process.env, ...environment, NO_PROXY: "127.0.0.1,localhost" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  server.log = "";
  server.stderr.on("data", (text) => (server.log += text));
  return server;
}

const cookieOf = (answer, name) =>
  answer.headers.getSetCookie().map((set) => set.split(";")[0]).find((pair) => pair.startsWith(`${name}=`));

/** Follows the provider, as a browser would, until it sends the person back. */
async function atProvider(address, callback) {
  const jar = new Map();
  for (let hops = 0; hops < 10; hops += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(address, { redirect: "manual", headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(";")[0].split("=");
      jar.set(name, value);
    }
    assert.ok(answer.status === 302 || answer.status === 303, `${address}: ${answer.status} ${await answer.text()}`);
    address = new URL(answer.headers.get("location"), address);
    if (address.href.startsWith(callback)) {
      if (address.searchParams.has("code")) secrets.push(address.searchParams.get("code"));
      return address;
    }
  }
  throw new Error("the provider sends in circles");
}

/** Begins a login; `tamper` may change the address at the provider. */
async function begin(url, returnTo, tamper = () => {}) {
  const answer = await fetch(`${url}/api/oidc/login?return_to=${encodeURIComponent(returnTo)}`, { redirect: "manual" });
  assert.equal(answer.status, 303, await answer.clone().text());
  const address = new URL(answer.headers.get("location"));
  for (const [name, value] of [["response_type", "code"], ["code_challenge_method", "S256"], ["client_id", "atlas"]]) {
    assert.equal(address.searchParams.get(name), value);
  }
  assert.match(answer.headers.getSetCookie().join(), /^kommunalatlas-login=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
  const cookie = cookieOf(answer, "kommunalatlas-login");
  secrets.push(cookie.split("=")[1]);
  tamper(address.searchParams);
  return { cookie, back: await atProvider(address, `${url}/api/oidc/callback`) };
}

const finish = (back, cookie) => fetch(back, { redirect: "manual", headers: cookie ? { cookie } : {} });

async function refused(answer, status) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal(cookieOf(answer, "kommunalatlas"), undefined, "no session");
  assert.ok(!/inner detail|invalid_grant|nonce|127\.0\.0\.1/.test(text), `no detail: ${text}`);
}

/** Signs in and gives the session's cookie. */
async function signIn(url) {
  const { cookie, back } = await begin(url, "/kreis-a?lang=en");
  const answer = await finish(back, cookie);
  assert.equal(answer.status, 303, await answer.clone().text());
  assert.equal(answer.headers.get("location"), `${url}/kreis-a?lang=en`);
  assert.equal(answer.headers.get("cache-control"), "private, no-store");
  assert.equal(cookieOf(answer, "kommunalatlas-login"), "kommunalatlas-login=");
  const session = cookieOf(answer, "kommunalatlas");
  secrets.push(session.split("=")[1]);
  await refused(await finish(back, cookie), 401); // The code was used.
  return session;
}

const who = async (url, cookie) => (await fetch(`${url}/api/session`, { headers: { cookie } })).json();
const settings = async (url, cookie) => (await fetch(`${url}/api/atlases/${ATLAS}/settings`, { headers: { cookie } })).status;

async function walk(url, provider) {
  person.realm_access.roles = [`${ATLAS}:publisher`, `${ATLAS}:viewer`, "offline_access", "nowhere:king"];
  const session = await signIn(url);
  const anna = await who(url, session);
  assert.equal(anna.display_name, "Anna Meier");
  assert.deepEqual(anna.memberships.map((m) => [m.atlas, m.roles]), [[ATLAS, ["viewer", "publisher"]]]);
  assert.equal(await settings(url, session), 200);

  // What the provider says now counts in every session of the person.
  person.realm_access.roles = [];
  const again = await signIn(url);
  for (const cookie of [session, again]) {
    assert.deepEqual((await who(url, cookie)).memberships, []);
    assert.equal((await who(url, cookie)).name, anna.name);
    assert.equal(await settings(url, cookie), 404);
  }

  // State, cookie, nonce, verifier and provider must be those of the login.
  const one = await begin(url, "/");
  const other = await begin(url, "/");
  await refused(await finish(one.back), 400);
  await refused(await finish(one.back, other.cookie), 400);
  const forged = new URL(one.back);
  forged.searchParams.set("state", other.back.searchParams.get("state"));
  await refused(await finish(forged, one.cookie), 400);
  await refused(await finish(one.back, one.cookie.replace(/.$/, (c) => (c === "0" ? "1" : "0"))), 400);
  const elsewhere = new URL(one.back);
  elsewhere.searchParams.set("iss", "https://id.example");
  await refused(await finish(elsewhere, one.cookie), 401);
  // The code of another person's login, in one's own.
  const mixed = new URL(one.back);
  mixed.searchParams.set("code", other.back.searchParams.get("code"));
  await refused(await finish(mixed, one.cookie), 401);
  const nonce = await begin(url, "/", (query) => query.set("nonce", "another"));
  await refused(await finish(nonce.back, nonce.cookie), 401);
  const verifier = await begin(url, "/", (query) => query.set("code_challenge", "a".repeat(43)));
  await refused(await finish(verifier.back, verifier.cookie), 401);
  denied = true;
  const no = await begin(url, "/");
  await refused(await finish(no.back, no.cookie), 401);
  denied = false;
  await refused(await fetch(`${url}/api/oidc/login?return_to=//evil.example`, { redirect: "manual" }), 422);

  const out = await fetch(`${url}/api/session`, { method: "DELETE", headers: { cookie: again } });
  assert.equal(out.status, 200);
  const end = new URL((await out.json()).provider_sign_out);
  assert.equal(end.origin, provider.issuer);
  assert.equal(end.searchParams.get("post_logout_redirect_uri"), `${url}/`);
  assert.equal((await who(url, again)).name, null);

  // A provider that is gone stops its own login only.
  const late = await begin(url, "/");
  provider.server.closeAllConnections();
  provider.server.close();
  await refused(await finish(late.back, late.cookie), 503);
  assert.equal((await who(url, session)).name, anna.name);
}

async function ready(url, server) {
  for (let tries = 0; tries < 300 && server.exitCode === null; tries += 1) {
    if ((await fetch(`${url}/health/ready`).catch(() => null))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A server that does not trust the authority of the provider lets nobody in by it. */
async function distrusts(issuer) {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const server = startServer(port, issuer, false);
  try {
    await ready(url, server);
    await refused(await fetch(`${url}/api/oidc/login`, { redirect: "manual" }), 503);
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

const ways = [
  { told: "claims in the ID token", inToken: true, secure: false },
  { told: "claims by userinfo", inToken: false, secure: false },
  { told: "https with a certificate of an own authority", inToken: true, secure: true },
];
for (const { told, inToken, secure } of ways) {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const provider = await startProvider(`${url}/api/oidc/callback`, inToken, secure);
  if (secure) await distrusts(provider.issuer);
  const server = startServer(port, provider.issuer, secure);
  try {
    await ready(url, server);
    await walk(url, provider);
    const leaked = secrets.filter((secret) => server.log.includes(secret));
    assert.deepEqual(leaked, [], "the log tells secrets");
    assert.ok(!/eyJ[A-Za-z0-9_-]{20,}\./.test(server.log), "the log tells a token");
  } catch (error) {
    console.error(server.log.split("\n").filter((line) => !/TRACE|DEBUG/.test(line)).slice(-40).join("\n"));
    throw error;
  } finally {
    server.kill();
    provider.server.closeAllConnections();
    provider.server.close();
  }
  console.log(`oidc: ${told}: good`);
}
