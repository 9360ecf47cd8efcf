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
export async function postJson<Answer>(path: string, body: unknown): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
    });
  } catch (error) {
    throw new UnreachableError(String(error));
  }
  if (response.ok) return (await response.json()) as Answer;
  throw new RefusedError(response.status, await errorsOf(response));
}

async function errorsOf(response: Response): Promise<Record<string, string>> {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) return {};
  const { errors } = (await response.json()) as { errors?: Record<string, string> };
  return errors ?? {};
}
