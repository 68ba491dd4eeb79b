// Records what the lunary SDK sends: a fake OpenAI answers its calls, a capture server keeps what goes to Lunary.
// See README.md.
import http from "node:http";
import fs from "node:fs";

let scenario = "";
const model = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const answer = answers[scenario];
    called[scenario] = JSON.parse(Buffer.concat(chunks).toString());
    if (answer.stream) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const chunk of answer.stream) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      response.end("data: [DONE]\n\n");
      return;
    }
    response.writeHead(answer.status ?? 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
});
const recorded = {};
const called = {};
const capture = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    (recorded[scenario] ??= []).push({
      method: request.method,
      path: request.url,
      contentType: request.headers["content-type"],
      authorization: request.headers.authorization,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ results: [] }));
  });
});
const listen = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
const modelPort = await listen(model);
const capturePort = await listen(capture);
process.env.LUNARY_PUBLIC_KEY = "00000000-0000-4000-8000-000000000000";
process.env.LUNARY_API_URL = `http://127.0.0.1:${capturePort}`;

const { default: OpenAI } = await import("openai");
const { monitorOpenAI } = await import("lunary/openai");
const { default: lunary } = await import("lunary");
const openai = monitorOpenAI(new OpenAI({ apiKey: "sk-none", baseURL: `http://127.0.0.1:${modelPort}/v1`, maxRetries: 0 }));

const usage = { prompt_tokens: 82, completion_tokens: 17, total_tokens: 99 };
const completion = (message, finish_reason) => ({
  id: "chatcmpl-123", object: "chat.completion", created: 1760000000, model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message, logprobs: null, finish_reason }], usage,
});
const chunk = (delta, finish_reason = null) => ({
  id: "chatcmpl-123", object: "chat.completion.chunk", created: 1760000000, model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, delta, finish_reason }],
});
const call = { id: "call_abc", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } };
const answers = {
  "chat": { body: completion({ role: "assistant", content: "Hello there.", refusal: null }, "stop") },
  "tool-call": { body: completion({ role: "assistant", content: null, tool_calls: [call], refusal: null }, "tool_calls") },
  "tool-result": { body: completion({ role: "assistant", content: "It rains in Paris.", refusal: null }, "stop") },
  "stream": { stream: [
    chunk({ role: "assistant", content: "" }), chunk({ content: "Hello" }), chunk({ content: " there." }), chunk({}, "stop"),
  ] },
  "error": { status: 429, body: { error: { message: "Rate limit reached", type: "requests", param: null, code: "rate_limit_exceeded" } } },
};
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
const calls = {
  "chat": { model: "gpt-4o", temperature: 0.5, max_tokens: 100, top_p: 0.9, seed: 7, user: "user-1", tags: ["greeting"],
    metadata: { source: "recording" },
    messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello" }] },
  "tool-call": { model: "gpt-4o", tools, tool_choice: "auto", messages: [{ role: "user", content: "Weather in Paris?" }] },
  "tool-result": { model: "gpt-4o", tools, messages: [{ role: "user", content: "Weather in Paris?" },
    { role: "assistant", content: null, tool_calls: [call] }, { role: "tool", tool_call_id: "call_abc", content: "rainy, 14 degrees" }] },
  "stream": { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hello" }] },
  "error": { model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] },
};
for (scenario of Object.keys(calls)) {
  try {
    const answer = await openai.chat.completions.create(calls[scenario]);
    if (calls[scenario].stream) for await (const _ of answer);
  } catch (error) { if (scenario !== "error") throw error; }
  await new Promise((done) => setTimeout(done, 700));
  await lunary.flush();
  await new Promise((done) => setTimeout(done, 300));
}
for (const [name, requests] of Object.entries(recorded)) {
  const sent = { ...requests[0], body: { events: requests.flatMap((one) => one.body.events) } };
  for (const event of sent.body.events) {
    if (event.error?.stack) event.error.stack = event.error.stack.split("\n")[0];
  }
  const answer = answers[name];
  const response = { status: answer.status ?? 200, body: answer.body ?? answers.chat.body };
  fs.writeFileSync(`${name}.json`, JSON.stringify({ request: called[name], response, sent }, null, 2) + "\n");
  console.log(name, requests.length);
}
process.exit(0);
