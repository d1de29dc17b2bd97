// Plays everybody else in the life of a case: the clerk who verifies, the officer who approves, systems that confirm.
import createClient from "openapi-fetch";
import type { components, paths } from "./intake.js";

type View = components["schemas"]["CaseView"];
type Problem = components["schemas"]["Problem"];

const intake = process.env["INTAKE"] ?? "";
const tokens: Record<string, string> = JSON.parse(process.env["TOKENS"] ?? "{}");
const path = { case: process.argv[2] ?? "" };

function as(role: string) {
  const token = tokens[role];
  if (token === undefined) throw new Error(`no token of ${role}`);
  return createClient<paths>({ baseUrl: intake, headers: { authorization: `Bearer ${token}` } });
}

function got<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.code}: ${answer.error?.remedy.en}`);
  return answer.data;
}

/** The case as soon as it stands where it is waited for; nobody asks twice within half a minute. */
async function until(status: View["status"]): Promise<View> {
  let seen: string | undefined;
  for (;;) {
    const header = seen === undefined ? {} : { "If-None-Match": seen };
    const answer = await as("clerk").GET("/v1/cases/{case}", { params: { path, query: { wait: 30 }, header } });
    if (answer.response.status === 304) continue;
    const view = got(answer);
    if (view.status === status) return view;
    seen = answer.response.headers.get("etag") ?? undefined;
  }
}

const copies = (await until("in_review")).documents.map((document) => document.sha256);
const seen = { original_seen: true, copies };
got(await as("clerk").POST("/v1/cases/{case}/events/verify_documents", { params: { path }, body: seen }));
const { content } = await until("awaiting_approval");
if (content === null) throw new Error("nothing to approve");
got(await as("officer").POST("/v1/cases/{case}/events/approve", { params: { path }, body: { content } }));
const { awaited, publication } = await until("applying");
if (publication === null) throw new Error("nothing was published");
for (const system of awaited) {
  const { number, replaces } = got(await as(system).GET("/v1/cases/{case}/subject", { params: { path } }));
  if (replaces === null || number === replaces) throw new Error("nothing to change");
  const body = { system, publication, confirmed: true, reference: `${system}/1` };
  got(await as(system).POST("/v1/cases/{case}/events/confirm_downstream", { params: { path }, body }));
}
const { transitions } = got(await as("officer").GET("/v1/cases/{case}/history", { params: { path } }));
console.log(transitions.map((each) => each.event).join(" "));
