// Requests to our own server from wallet pages.

/** The server said no. `errors` are its sentences by field; "" is for the whole form. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    readonly errors: Record<string, string>,
  ) {
    super(Object.values(errors).join(" ") || `status ${status}`);
  }
}

/** The server cannot be reached. */
export class UnreachableError extends Error {}

/** POST JSON, get JSON. Raises RefusedError or UnreachableError. */
export function postJson<Answer>(path: string, body: unknown): Promise<Answer> {
  return ask<Answer>(path, { method: "POST", body: JSON.stringify(body) }, { "Content-Type": "application/json" });
}

/** POST a form as a browser would, get JSON. Raises RefusedError or UnreachableError. */
export function postForm<Answer>(path: string, form: FormData): Promise<Answer> {
  return ask<Answer>(path, { method: "POST", body: form });
}

/** GET JSON. Raises RefusedError or UnreachableError. */
export function getJson<Answer>(path: string): Promise<Answer> {
  return ask<Answer>(path, { method: "GET" });
}

async function ask<Answer>(path: string, request: RequestInit, headers: Record<string, string> = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...request,
      headers: { ...headers, Accept: "application/json" },
      redirect: "error",
    });
  } catch (error) {
    throw new UnreachableError(String(error));
  }
  if (response.ok) return (await response.json()) as Answer;
  throw new RefusedError(response.status, await errorsOf(response));
}

/** Forms have `errors` by field; what concerns every page, such as a lost session, is an `error`. */
interface Said {
  errors?: Record<string, string>;
  error?: string;
  help?: string;
}

async function errorsOf(response: Response): Promise<Record<string, string>> {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) return {};
  const { errors, error, help } = (await response.json()) as Said;
  return errors ?? (error ? { "": [error, help].filter(Boolean).join(" ") } : {});
}
