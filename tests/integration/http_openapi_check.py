#!/usr/bin/python3
"""Holds the running service against api/openapi.yaml, in both directions.

Served but not documented fails: a method of a documented path, a status, a media type, a header named here, a field, a
type, an enumeration's value. Documented but not served fails: an operation, a status, a field that no answer ever
carried, an example that breaks its own schema. (That no path is served undocumented is held by router_test.cpp.)

Extending it: add the requests that provoke the new operation's statuses to `exchanges`; what is missing is named.

usage: http_openapi_check.py <http_server_under_test> <openapi.yaml>
"""

import http.client
import json
import re
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass, field

import yaml

NOWHERE = 10**12  # an id that nothing has


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.safe_load(file)
        self.operations = {}
        for path_name, methods in self.root["paths"].items():
            for method, operation in methods.items():
                self.operations[(method.upper(), path_name)] = operation

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def parts(self, schema):
        """Properties and required names of an object schema, with those of its allOf."""
        schema = self.resolve(schema)
        properties, required = {}, set()
        for part in schema.get("allOf", []):
            more, needed = self.parts(part)
            properties |= more
            required |= needed
        return properties | schema.get("properties", {}), required | set(schema.get("required", []))


TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "null": lambda v: v is None,
}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Validator:
    """A subset of JSON Schema, stricter in one point: a field that is not described is an error."""

    def __init__(self, document):
        self.document = document
        self.seen = set()  # ids of property schemas that some answer carried

    def check(self, value, schema, where, count=True):
        schema = self.document.resolve(schema)
        types = schema.get("type", [])
        types = types if isinstance(types, list) else [types]
        if types and not any(TYPES[each](value) for each in types):
            yield f"{where}: {value!r:.80} is not of type {types}"
            return
        if value is None:
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is not one of {schema['enum']}"
        if "minimum" in schema and value < schema["minimum"]:
            yield f"{where}: {value} is below {schema['minimum']}"
        if "maximum" in schema and value > schema["maximum"]:
            yield f"{where}: {value} is above {schema['maximum']}"
        if schema.get("format") == "date-time" and not DATE_TIME.fullmatch(value):
            yield f"{where}: {value!r} is not a time in UTC"
        if isinstance(value, list):
            if len(value) < schema.get("minItems", 0):
                yield f"{where}: too few items"
            for index, item in enumerate(value):
                yield from self.check(item, schema.get("items", {}), f"{where}[{index}]", count)
        if isinstance(value, dict):
            yield from self.check_object(value, schema, where, count)

    def check_object(self, value, schema, where, count):
        properties, required = self.document.parts(schema)
        for name in sorted(required - value.keys()):
            yield f"{where}.{name}: is documented as always there, and is missing"
        others = schema.get("additionalProperties")
        for name, member in value.items():
            if name not in properties and others:
                yield from self.check(member, others, f"{where}.{name}", count)
                continue
            if name not in properties:
                yield f"{where}.{name}: is served and not documented"
                continue
            if count:
                self.seen.add(id(properties[name]))
            yield from self.check(member, properties[name], f"{where}.{name}", count)


@dataclass
class Exchange:
    method: str
    template: str
    values: dict = field(default_factory=dict)
    query: str = ""
    token: str = "viewer"
    body: object = None
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    expect: int = 200


class Server:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{binary} ended with {self.process.wait()} before it listened")
        self.facts = json.loads(line)
        self.address = urllib.parse.urlsplit(self.facts["url"]).netloc

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)

    def send(self, exchange):
        path = exchange.template
        for name, value in exchange.values.items():
            path = path.replace("{" + name + "}", str(value))
        headers = dict(exchange.headers)
        if exchange.token:
            headers["Authorization"] = "Bearer " + self.facts.get(exchange.token, exchange.token)
        body = None
        if exchange.body is not None:
            body = exchange.body if isinstance(exchange.body, str) else json.dumps(exchange.body)
            if exchange.content_type:
                headers["Content-Type"] = exchange.content_type
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(exchange.method, path + exchange.query, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


def exchanges(facts):
    """Requests that provoke every documented status but 304, 401, 405, 429 and 503, which `generic` provokes."""
    advice = "/api/v1/optimization-recommendations"
    own, shared = {"query_hash": facts["own_query"]}, {"query_hash": facts["shared_query"]}
    known, unknown = {"id": facts["recommendation"]}, {"id": NOWHERE}
    yield Exchange("GET", "/livez", token="")
    yield Exchange("GET", "/livez", query="?x=1", token="", expect=400)
    yield Exchange("GET", "/readyz", token="")
    yield Exchange("GET", "/readyz", query="?verbose", token="")
    yield Exchange("GET", "/readyz", query="?x=1", token="", expect=400)
    yield Exchange("GET", "/metrics")
    yield Exchange("GET", "/metrics", query="?x=1", expect=400)
    yield Exchange("GET", "/api/openapi.yaml")
    yield Exchange("GET", "/api/openapi.yaml", query="?x=1", expect=400)
    yield Exchange("GET", advice, query="?min_impact=0")
    yield Exchange("GET", advice, query="?limit=2&min_impact=0&target=shop&database_name=shop&source_type=index")
    yield Exchange("GET", advice, query="?limit=0", expect=400)
    yield Exchange("GET", advice, query="?cursor=invented", expect=400)
    yield Exchange("GET", advice, query="?target=nobody", expect=404)
    yield Exchange("GET", advice + "/{id}", known)
    yield Exchange("GET", advice + "/{id}", {"id": "x"}, expect=400)
    yield Exchange("GET", advice + "/{id}", unknown, expect=404)
    dismiss = advice + "/{id}/dismiss"
    yield Exchange("POST", dismiss, known, token="operator", body={"reason": ""}, expect=400)
    yield Exchange("POST", dismiss, known, token="viewer", body={"reason": "r"}, expect=403)
    yield Exchange("POST", dismiss, unknown, token="operator", body={"reason": "r"}, expect=404)
    yield Exchange("POST", dismiss, known, token="operator", body="x" * 100_000, expect=413)
    yield Exchange("POST", dismiss, known, token="operator", body="reason=r", content_type="text/plain", expect=415)
    yield Exchange("POST", dismiss, known, token="operator", body={"reason": "The table goes."})
    yield Exchange("GET", "/api/v1/queries")
    yield Exchange("GET", "/api/v1/queries", query="?limit=2&order_by=calls&direction=asc&lookback_hours=48&min_calls=1")
    yield Exchange("GET", "/api/v1/queries", query="?order_by=luck", expect=400)
    yield Exchange("GET", "/api/v1/queries", query="?target=nobody", expect=404)
    yield Exchange("GET", "/api/v1/queries/{query_hash}", own)
    yield Exchange("GET", "/api/v1/queries/{query_hash}", {"query_hash": 0}, expect=400)
    yield Exchange("GET", "/api/v1/queries/{query_hash}", {"query_hash": 12345}, expect=404)
    yield Exchange("GET", "/api/v1/queries/{query_hash}", shared, expect=409)
    train, operator = "/api/train/performance-model", {"token": "operator"}
    yield Exchange("POST", train, body={"database_name": "trained", "lookback_days": 7}, expect=202, **operator)
    yield Exchange("POST", train, body={"database_name": "trained", "target": "shop", "model_type": "decision_tree"},
                   expect=202, **operator)
    yield Exchange("POST", train, body={"database_name": "trained", "lookback_days": 6}, expect=400, **operator)
    yield Exchange("POST", train, body={"model_type": "luck"}, expect=400, **operator)
    yield Exchange("POST", train, body={"database_name": "trained"}, expect=403)
    yield Exchange("POST", train, body={"database_name": "nowhere"}, expect=404, **operator)
    yield Exchange("POST", train, body={"database_name": "shop"}, expect=409, **operator)
    yield Exchange("POST", train, body="x" * 100_000, expect=413, **operator)
    yield Exchange("POST", train, body="a=b", content_type="text/plain", expect=415, **operator)
    yield Exchange("POST", train, body={"database_name": "shop", "target": "shop"}, expect=422, **operator)
    for name in ("completed_training", "failed_training", "running_training"):
        yield Exchange("GET", train + "/{job_id}", {"job_id": facts[name]})
    yield Exchange("GET", train + "/{job_id}", {"job_id": "x"}, expect=400)
    yield Exchange("GET", train + "/{job_id}", {"job_id": facts["other_job"]}, expect=404)
    models = "/api/models"
    yield Exchange("GET", models + "/latest", query="?database_name=trained")
    yield Exchange("GET", models + "/latest", query="?limit=1", expect=400)
    yield Exchange("GET", models + "/latest", query="?database_name=shop", expect=404)
    yield Exchange("GET", models)
    yield Exchange("GET", models, query="?limit=1")
    yield Exchange("GET", models, query="?database_name=trained&model_type=linear_regression&target=shop")
    yield Exchange("GET", models, query="?model_type=luck", expect=400)
    yield Exchange("GET", models, query="?cursor=invented", expect=400)
    yield Exchange("GET", models, query="?target=nobody", expect=404)
    yield Exchange("GET", models + "/{model_id}", {"model_id": facts["damaged_model"]})
    yield Exchange("GET", models + "/{model_id}", {"model_id": "x"}, expect=400)
    yield Exchange("GET", models + "/{model_id}", {"model_id": NOWHERE}, expect=404)
    activate, admin = models + "/{model_id}/activate", {"token": "admin"}
    yield Exchange("POST", activate, {"model_id": facts["model"]}, **admin)
    yield Exchange("POST", activate, {"model_id": 0}, expect=400, **admin)
    yield Exchange("POST", activate, {"model_id": facts["model"]}, expect=403, **operator)
    yield Exchange("POST", activate, {"model_id": NOWHERE}, expect=404, **admin)
    yield Exchange("POST", activate, {"model_id": facts["damaged_model"]}, expect=422, **admin)
    jobs = "/api/v1/jobs"
    yield Exchange("GET", jobs)
    yield Exchange("GET", jobs, query="?limit=2")
    yield Exchange("GET", jobs, query="?kind=train_performance_model&status=failed")
    yield Exchange("GET", jobs, query="?status=luck", expect=400)
    yield Exchange("GET", jobs + "/{job_id}", {"job_id": facts["completed_training"]})
    yield Exchange("GET", jobs + "/{job_id}", {"job_id": "x"}, expect=400)
    yield Exchange("GET", jobs + "/{job_id}", {"job_id": NOWHERE}, expect=404)
    yield Exchange("DELETE", jobs + "/{job_id}", {"job_id": facts["running_training"]}, **operator)
    yield Exchange("DELETE", jobs + "/{job_id}", {"job_id": "x"}, expect=400, **operator)
    yield Exchange("DELETE", jobs + "/{job_id}", {"job_id": facts["running_training"]}, expect=403)
    yield Exchange("DELETE", jobs + "/{job_id}", {"job_id": NOWHERE}, expect=404, **operator)
    yield Exchange("DELETE", jobs + "/{job_id}", {"job_id": facts["completed_training"]}, expect=409, **operator)
    patterns = "/api/v1/workload-patterns"
    yield Exchange("GET", patterns)
    yield Exchange("GET", patterns, query="?database_name=shop&pattern_type=batch_job&limit=1000&target=shop")
    yield Exchange("GET", patterns, query="?pattern_type=luck", expect=400)
    yield Exchange("GET", patterns, query="?cursor=invented", expect=400)
    yield Exchange("GET", patterns, query="?target=nobody", expect=404)
    find = patterns + "/analyze"
    yield Exchange("POST", find, token="operator", body={"lookback_days": 30}, expect=400)
    yield Exchange("POST", find, token="operator", body={"database_name": "shop", "lookback_days": 6}, expect=400)
    yield Exchange("POST", find, token="viewer", body={"database_name": "shop"}, expect=403)
    yield Exchange("POST", find, token="operator", body={"database_name": "nowhere"}, expect=404)
    yield Exchange("POST", find, token="operator", body="x" * 100_000, expect=413)
    yield Exchange("POST", find, token="operator", body="a=b", content_type="text/plain", expect=415)
    yield Exchange("POST", find, token="operator", body={"database_name": "shop", "lookback_days": 400})
    parameters = "/api/v1/queries/{query_hash}/parameter-optimization"
    yield Exchange("GET", parameters, own)
    yield Exchange("GET", parameters, own, query="?limit=101", expect=400)
    yield Exchange("GET", parameters, {"query_hash": 12345}, expect=404)
    yield Exchange("GET", parameters, shared, expect=409)
    yield Exchange("POST", parameters + "/generate", own, token="operator")
    yield Exchange("POST", parameters + "/generate", {"query_hash": 0}, token="operator", expect=400)
    yield Exchange("POST", parameters + "/generate", own, token="viewer", expect=403)
    yield Exchange("POST", parameters + "/generate", {"query_hash": 12345}, token="operator", expect=404)
    yield Exchange("POST", parameters + "/generate", shared, token="operator", expect=409)
    predict = "/api/predict/query-execution"
    yield Exchange("POST", predict, body={"query_hash": facts["own_query"]})
    yield Exchange("POST", predict, body={"query_hash": str(facts["own_query"]), "target": "shop", "level": 0.8})
    yield Exchange("POST", predict, body={"query_hash": facts["own_query"], "luck": 1}, expect=400)
    yield Exchange("POST", predict, body={"query_text": "SELECT 1"}, expect=400)
    yield Exchange("POST", predict, body={"query_hash": 12345}, expect=404)
    yield Exchange("POST", predict, body={"query_hash": facts["shared_query"]}, expect=409)
    yield Exchange("POST", predict, body="x" * 100_000, expect=413)
    yield Exchange("POST", predict, body="a=b", content_type="text/plain", expect=415)
    yield Exchange("POST", predict, body={"query_hash": facts["shared_query"], "target": "replica"}, expect=422)
    performance = "/api/v1/queries/{query_hash}/predict-performance"
    yield Exchange("POST", performance, own, body={"scenario": "current"})
    yield Exchange("POST", performance, own, body={"scenario": "luck"}, expect=400)
    yield Exchange("POST", performance, {"query_hash": 12345}, body={}, expect=404)
    yield Exchange("POST", performance, shared, body={}, expect=409)
    yield Exchange("POST", performance, own, body="x" * 100_000, expect=413)
    yield Exchange("POST", performance, own, body="a=b", content_type="text/plain", expect=415)
    yield Exchange("POST", performance, shared, query="?target=replica", body={}, expect=422)
    validate, prediction = "/api/validate/prediction", {"prediction_id": facts["prediction_id"]}
    yield Exchange("POST", validate, body=prediction | {"actual_execution_time_ms": 12.5})
    yield Exchange("POST", validate, body=prediction | {"actual_execution_time_ms": 0}, expect=400)
    yield Exchange("POST", validate, body={"prediction_id": "p1.x.y", "actual_execution_time_ms": 1}, expect=400)
    yield Exchange("POST", validate, body="x" * 100_000, expect=413)
    yield Exchange("POST", validate, body="a=b", content_type="text/plain", expect=415)
    yield Exchange("GET", "/api/status")
    yield Exchange("GET", "/api/status", query="?x=1", expect=400)
    yield Exchange("GET", "/api/v1/ml/health")
    yield Exchange("GET", "/api/v1/ml/health", query="?x=1", expect=400)
    yield Exchange("GET", "/api/v1/targets")
    yield Exchange("GET", "/api/v1/targets", query="?x=1", expect=400)
    yield Exchange("GET", "/api/v1/targets/{id}", {"id": 1})
    yield Exchange("GET", "/api/v1/targets/{id}", {"id": "x"}, expect=400)
    yield Exchange("GET", "/api/v1/targets/{id}", unknown, expect=404)


class Check:
    def __init__(self, document, server):
        self.document, self.server = document, server
        self.validator = Validator(document)
        self.failures = []
        self.statuses = set()
        self.good = {}  # the first exchange of each operation that was answered 200 or 202

    def fail(self, text):
        self.failures.append(text)

    def exchange(self, exchange):
        status, headers, body = self.server.send(exchange)
        name = f"{exchange.method} {exchange.template}{exchange.query} -> {status}"
        if status != exchange.expect:
            self.fail(f"{name}: expected {exchange.expect}: {body[:300]!r}")
            return
        self.hold(exchange, status, headers, body, name)
        if status in (200, 202):
            self.good.setdefault((exchange.method, exchange.template), exchange)

    def hold(self, exchange, status, headers, body, name):
        operation = self.document.operations.get((exchange.method, exchange.template))
        if operation is None:
            self.fail(f"{name}: the operation is not documented")
            return
        responses = operation["responses"]
        if str(status) in responses:
            self.statuses.add((exchange.method, exchange.template, str(status)))
        elif "default" not in responses or status < 400 or status in (400, 401, 403, 404, 409, 422, 429, 503):
            self.fail(f"{name}: the status is not documented")
            return
        response = self.document.resolve(responses.get(str(status), responses.get("default")))
        for header in response.get("headers", {}):
            # The last page of a list has no Link.
            if header not in headers and header != "Link":
                self.fail(f"{name}: header {header} is documented and missing")
        for header in ("Link", "Retry-After", "WWW-Authenticate"):
            if header in headers and header not in response.get("headers", {}):
                self.fail(f"{name}: header {header} is served and not documented")
        self.hold_body(response.get("content", {}), headers, body, name)

    def hold_body(self, content, headers, body, name):
        media = headers.get("Content-Type", "").split(";")[0]
        if not content:
            if body:
                self.fail(f"{name}: has a body, and none is documented")
            return
        if media not in content:
            self.fail(f"{name}: is {media}, and {list(content)} is documented")
            return
        if media.endswith("json"):
            text = body.decode("utf-8")  # raises where it is not UTF-8
            self.failures += [f"{name}: {each}" for each in
                              self.validator.check(json.loads(text), content[media]["schema"], "$")]
            self.hold_hashes(json.loads(text), name)

    def hold_hashes(self, value, name):
        if isinstance(value, list):
            for each in value:
                self.hold_hashes(each, name)
        if isinstance(value, dict):
            for each in value.values():
                self.hold_hashes(each, name)
            for hash_name in ("query_hash", "fingerprint_hash"):
                expected = value.get(hash_name)
                if hash_name in value and value.get(hash_name + "_text") != (expected and str(expected)):
                    self.fail(f"{name}: {hash_name}_text does not repeat {hash_name}")

    def documented(self, key, status):
        return status in self.document.operations[key]["responses"]

    def variant(self, exchange, **changes):
        return Exchange(**(exchange.__dict__ | changes))

    def generic(self):
        """What every operation has in common."""
        for key, exchange in sorted(self.good.items()):
            if self.documented(key, "304"):
                self.not_modified(exchange)
            if self.documented(key, "401"):
                self.exchange(self.variant(exchange, token="", expect=401))
                self.exchange(self.variant(exchange, token="wrong", expect=401))
            self.allowed(key[1], exchange)

    def not_modified(self, exchange):
        """Asked again with the tag of a moment ago. A minute that ends in between changes a window: hence two tries."""
        for last_try in (False, True):
            _, headers, _ = self.server.send(exchange)
            again = self.variant(exchange, headers={"If-None-Match": headers["ETag"]}, expect=304)
            status, _, _ = self.server.send(again)
            if status == 304 or last_try:
                self.exchange(again)
                return

    def allowed(self, path, exchange):
        """The methods a path takes are those of the document."""
        status, headers, _ = self.server.send(self.variant(exchange, method="OPTIONS", body=None))
        documented = {method for method, other in self.document.operations if other == path}
        served = set(headers.get("Allow", "").replace(" ", "").split(",")) - {"OPTIONS", "HEAD"}
        if status != 204 or served != documented:
            self.fail(f"{path}: takes {sorted(served)}, documented are {sorted(documented)}")

    def unavailable(self):
        self.server.command("stop_repository")
        for key, exchange in sorted(self.good.items()):
            expect = 503 if self.documented(key, "503") else 200
            self.exchange(self.variant(exchange, expect=expect))
        self.server.command("start_repository")

    def too_many(self):
        for key, exchange in sorted(self.good.items()):
            if not self.documented(key, "429"):
                continue
            self.hold_refusal(exchange)

    def hold_refusal(self, exchange):
        """The token's bucket is emptied by requests that cost little: what takes long would let it fill again. It also
        fills between the two requests, hence the tries."""
        cheap = Exchange("GET", "/api/v1/jobs/{job_id}", {"job_id": "none"}, token=exchange.token)
        for _ in range(50):
            for _ in range(2000):
                if self.server.send(cheap)[0] == 429:
                    break
            status, headers, body = self.server.send(exchange)
            if status == 429:
                self.hold(exchange, status, headers, body, f"{exchange.method} {exchange.template} -> {status}")
                return
        self.fail(f"{exchange.method} {exchange.template}: never answered 429")

    def nothing_left_out(self):
        for (method, path), operation in self.document.operations.items():
            for status in operation["responses"]:
                if status != "default" and (method, path, status) not in self.statuses:
                    self.fail(f"{method} {path}: {status} is documented, and nothing here provokes it")
        for name, schema in self.document.root["components"]["schemas"].items():
            for member, described in schema.get("properties", {}).items():
                if id(described) not in self.validator.seen:
                    self.fail(f"schema {name}.{member} is documented, and no answer carried it")

    def examples(self):
        count = 0
        for (method, path), operation in self.document.operations.items():
            if not operation.get("x-codeSamples"):
                self.fail(f"{method} {path}: has no example of a request")
            for parameter in map(self.document.resolve, operation.get("parameters", [])):
                if "example" not in parameter:
                    self.fail(f"{method} {path}: parameter {parameter['name']} has no example")
            holders = [("request", operation["requestBody"])] if "requestBody" in operation else []
            holders += operation["responses"].items()
            for status, holder in holders:
                for media, content in self.document.resolve(holder).get("content", {}).items():
                    if "example" not in content:
                        self.fail(f"{method} {path} {status}: has no example")
                        continue
                    count += 1
                    if media.endswith("json"):
                        self.failures += [f"example of {method} {path} {status}: {each}" for each in
                                          self.validator.check(content["example"], content["schema"], "$", False)]
        return count


def main():
    binary, path = sys.argv[1:]
    document = Document(path)
    server = Server(binary)
    check = Check(document, server)
    count = 0
    try:
        for exchange in exchanges(server.facts):
            check.exchange(exchange)
            count += 1
        for key in document.operations:
            if key not in check.good:
                check.fail(f"{key[0]} {key[1]}: is documented, and was never answered 200")
        check.generic()
        check.unavailable()
        check.too_many()
        check.nothing_left_out()
        examples = check.examples()
    finally:
        ended = server.close()
    if ended != 0:
        check.fail(f"the server ended with {ended}")
    for failure in check.failures:
        print("FAILED", failure)
    print(f"{len(document.operations)} operations, {len(check.statuses)} statuses, {count} exchanges, {examples} examples: "
          f"{len(check.failures)} failures")
    return 1 if check.failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
