// Handing the result over: to the server that serves the test, or as a file.

async function post(url, content) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the server answers ${response.status}`);
  return answer;
}

export async function beginSession(url, testId, participant) {
  return (await post(url, { test_id: testId, participant })).session;
}

export function submit(url, result) {
  return post(url, result);
}

export function download(result, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
