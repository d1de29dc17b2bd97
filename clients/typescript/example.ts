// Opens a case, hands its documents in, and ends, its subscription too, when a signed webhook says that the case is done.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import createClient from "openapi-fetch";
import type { components, paths } from "./intake.js";

const { INTAKE = "", TOKEN_URL = "", CLIENT = "", SECRET_FILE = "", SINK = "", PORT = "" } = process.env;
const { documents, ...application } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const basic = Buffer.from(`${CLIENT}:${readFileSync(SECRET_FILE, "utf8").trim()}`).toString("base64");
const form = new URLSearchParams({ grant_type: "client_credentials" });
const granted = await fetch(TOKEN_URL, { method: "POST", body: form, headers: { authorization: `Basic ${basic}` } });
const { access_token } = (await granted.json()) as { access_token: string };
const intake = createClient<paths>({ baseUrl: INTAKE, headers: { authorization: `Bearer ${access_token}` } });

function got<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.code}: ${answer.error?.remedy.en}`);
  return answer.data;
}
const { keys: published } = got(await intake.GET("/v1/webhook-keys"));
const keys = published.map((key) => createPublicKey({ key: { ...key }, format: "jwk" }));
function isSigned(said: IncomingHttpHeaders, body: string): boolean {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures } = said;
  const over = Buffer.from(`${id}.${at}.${body}`), isNew = Math.abs(Date.now() / 1000 - Number(at)) < 300;
  const given = String(signatures).split(" ").filter((each) => each.startsWith("v1a,")).map((each) => each.slice(4));
  return isNew && given.some((each) => keys.some((key) => verify(null, over, key, Buffer.from(each, "base64"))));
}
let mine = "";
const sink = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  if (!isSigned(request.headers, body)) return response.writeHead(400).end();
  const event = JSON.parse(body);
  const isDone = event.subject === mine && event.data.status === "done", status = isDone ? 410 : 200; // 410 ends it
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ challenge: event.challenge }));
  if (isDone) sink.close(() => console.log("done"));
}).listen(Number(PORT));
got(await intake.POST("/v1/subscriptions", { body: { sink: SINK } }));
mine = got(await intake.POST("/v1/cases", { body: application })).case_id;
got(await intake.POST("/v1/cases/{case}/events/add_documents", { params: { path: { case: mine } }, body: { documents } }));
console.log(mine);
