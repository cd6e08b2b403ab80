"""A collection of Postman's with the requests of TorchServe's own collection for its inference API.

TorchServe's collection is not ours to copy. This one has the same requests (a picture as the body,
its scores compared with expected ones, within a tolerance in percent), those of its management API
that read, and a picture in a form.
"""

import json
from pathlib import Path
from typing import Any

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
TOLERANCE = 5  # percent, as in TorchServe's

# Tests in JavaScript, as Postman runs them: each a function body with the response's JSON as `it`.
SCORES = f"""
const expected = JSON.parse(pm.variables.get("expected"));
pm.expect(Object.keys(it).sort()).to.eql(Object.keys(expected).sort());
for (const name in expected) {{
  const difference = Math.abs(it[name] - expected[name]);
  pm.expect(difference).to.be.at.most(expected[name] * {TOLERANCE} / 100);
}}"""
HEALTHY = 'pm.expect(it).to.eql({status: "Healthy"});'
LISTED = 'pm.expect(it.models[0].modelName).to.equal(pm.variables.get("model"));'
READY = 'pm.expect(it[0].workers[0].status).to.equal("READY");'
NOT_FOUND = 'pm.expect([it.code, it.type]).to.eql([404, "ModelNotFoundException"]);'


def collection(picture: Path) -> dict[str, Any]:
    """Return the collection; its variables are `url`, `model`, `token`, and `expected` in JSON."""
    raw = {"mode": "file", "file": {"src": str(picture)}}
    part = {"key": "data", "type": "file", "src": str(picture)}
    form = {"mode": "formdata", "formdata": [part]}
    items = [
        _item("ping", HEALTHY),
        _item("models", LISTED),
        _item("models/{{model}}", READY),
        _item("predictions/{{model}}", SCORES, raw),
        _item("predictions/{{model}}/1.0", SCORES, raw),
        _item("predictions/{{model}}", SCORES, form),
        _item("predictions/another", NOT_FOUND, raw),
    ]
    return {"info": {"name": "inference", "schema": SCHEMA}, "item": items}


def variables(values: dict[str, Any]) -> list[str]:
    """Return newman's arguments that set the variables."""
    words = []
    for key, value in values.items():
        words += ["--global-var", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return words


def _item(path: str, test: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    script = f'pm.test("answer", () => {{ const it = pm.response.json(); {test} }});'
    request = {
        "method": "POST" if body else "GET",
        "header": [{"key": "Authorization", "value": "Bearer {{token}}"}],
        "url": "{{url}}/" + path,
    }
    event = {"listen": "test", "script": {"type": "text/javascript", "exec": script.splitlines()}}
    return {"name": path, "request": request | ({"body": body} if body else {}), "event": [event]}
