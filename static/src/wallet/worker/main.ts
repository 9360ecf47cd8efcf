import type { Question } from "../protocol";

addEventListener("message", (event: MessageEvent<Question>) => {
  postMessage({
    id: event.data.id,
    ok: false,
    refusal: { code: "malformed_request", parameters: { field: "call" } },
  });
});
