// The API's description for other people's tools, served at /api/openapi.json. The words for people
// are docs/formats/http-api.md; dashboard_test holds both server and status to this text.
#pragma once

#include <string_view>

namespace ds {

// clang-format off
inline constexpr std::string_view kOpenApi = R"json({
  "openapi": "3.0.3",
  "info": {
    "title": "DataStorm",
    "version": "1",
    "description": "What the dashboard is built on. The control port answers the same without /api. Times are Unix milliseconds, rates records per second, latencies microseconds from the intended instant."
  },
  "servers": [{"url": "/api"}],
  "paths": {
    "/status": {"get": {"summary": "The run now", "responses": {"200": {"$ref": "#/components/responses/Status"}}}},
    "/stream": {"get": {
      "summary": "Server-sent events: status and point once a second, alert when one is raised",
      "parameters": [
        {"name": "since", "in": "query", "schema": {"type": "integer"}, "description": "the id of the last point that was heard"},
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}, "description": "the same, as browsers send it"}],
      "responses": {"200": {"description": "events, for as long as the viewer reads", "content": {"text/event-stream": {"schema": {"type": "string"}}}}}}},
    "/history": {"get": {
      "summary": "The past in columns, whole steps only",
      "parameters": [
        {"name": "range", "in": "query", "schema": {"type": "string", "enum": ["5m", "30m", "1h", "6h", "24h", "7d"], "default": "5m"}},
        {"name": "from", "in": "query", "schema": {"type": "integer"}, "description": "instead of a range: from this instant, in the finest step that is kept and fits"},
        {"name": "to", "in": "query", "schema": {"type": "integer"}, "description": "to this one"},
        {"name": "brand", "in": "query", "schema": {"type": "string"}, "description": "sentiments of this brand alone"}],
      "responses": {
        "200": {"description": "columns of equal length, oldest first", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/History"}}}},
        "400": {"$ref": "#/components/responses/Refusal"},
        "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/alerts": {"get": {"summary": "Alerts, the newest last", "responses": {"200": {"description": "alerts", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Alert"}}}}}}}},
    "/openapi.json": {"get": {"summary": "This description", "responses": {"200": {"description": "OpenAPI 3.0"}}}},
    "/start": {"post": {"summary": "The storm goes on", "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/stop": {"post": {"summary": "The storm pauses", "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/trigger/crisis": {"post": {"summary": "Mostly negative for half a minute", "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/trigger/opportunity": {"post": {"summary": "Mostly positive for half a minute", "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/rate": {"post": {
      "summary": "Another rate",
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["rate"], "properties": {"rate": {"oneOf": [{"type": "number", "minimum": 0}, {"type": "string", "enum": ["max"]}]}}}}}},
      "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}},
    "/mix": {"post": {
      "summary": "Another mix; the shares add up to 100",
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["positive", "negative", "neutral"], "properties": {"positive": {"type": "number"}, "negative": {"type": "number"}, "neutral": {"type": "number"}, "mode": {"type": "string", "enum": ["fixed", "volatile"]}, "volatility": {"type": "number", "minimum": 0, "maximum": 1}}}}}},
      "responses": {"200": {"$ref": "#/components/responses/Status"}, "400": {"$ref": "#/components/responses/Refusal"}, "501": {"$ref": "#/components/responses/Refusal"}}}}
  },
  "components": {
    "responses": {
      "Status": {"description": "the status", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}},
      "Refusal": {"description": "what was wrong and what helps", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
    },
    "schemas": {
      "Refusal": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}, "hint": {"type": "string"}}},
      "BySentiment": {"type": "object", "properties": {"positive": {"type": "number"}, "negative": {"type": "number"}, "neutral": {"type": "number"}}},
      "Quantiles": {"type": "object", "properties": {"p50": {"type": "number"}, "p90": {"type": "number"}, "p99": {"type": "number"}, "p999": {"type": "number"}, "max": {"type": "number"}}},
      "Alert": {"type": "object", "properties": {"id": {"type": "integer"}, "t": {"type": "integer"}, "kind": {"type": "string", "enum": ["crisis", "opportunity"]}, "share": {"type": "number"}, "predicted": {"type": "boolean"}, "inSeconds": {"type": "number", "nullable": true}, "windowS": {"type": "number", "nullable": true}}},
      "History": {"type": "object", "properties": {
        "range": {"type": "string"}, "stepMs": {"type": "integer"},
        "t": {"type": "array", "items": {"type": "integer"}},
        "positive": {"type": "array", "items": {"type": "integer"}},
        "negative": {"type": "array", "items": {"type": "integer"}},
        "neutral": {"type": "array", "items": {"type": "integer"}},
        "generated": {"type": "array", "items": {"type": "integer"}},
        "stored": {"type": "array", "items": {"type": "integer"}}}},
      "Status": {"type": "object", "properties": {
        "state": {"type": "string", "enum": ["running", "stopped", "draining", "finished"]},
        "scenario": {"type": "string"}, "run": {"type": "string"},
        "rate": {"type": "object", "properties": {"offered": {"type": "number"}, "achieved": {"type": "number"}, "average": {"type": "number"}, "target": {"type": "number", "nullable": true}}},
        "mix": {"$ref": "#/components/schemas/BySentiment"},
        "mode": {"type": "string", "enum": ["fixed", "volatile"]},
        "volatility": {"type": "number"},
        "acks": {"type": "string"},
        "counters": {"type": "object", "properties": {"scheduled": {"type": "integer"}, "enqueued": {"type": "integer"}, "written": {"type": "integer"}, "acknowledged": {"type": "integer"}, "failed": {"type": "integer"}, "unknown": {"type": "integer"}, "readBack": {"type": "integer"}}},
        "total": {"type": "integer"}, "stored": {"type": "integer"}, "retired": {"type": "integer"},
        "lag": {"type": "object", "properties": {"records": {"type": "integer"}, "seconds": {"type": "number"}}},
        "latencyUs": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Quantiles"}},
        "errors": {"type": "integer"}, "deadLettered": {"type": "integer"}, "duplicatesSuppressed": {"type": "integer"},
        "sinks": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "state": {"type": "string"}, "stored": {"type": "integer"}, "lag": {"type": "integer"}, "errors": {"type": "integer"}, "lastError": {"type": "string"}}}},
        "clock": {"type": "object", "properties": {"leastMs": {"type": "number"}, "negative": {"type": "integer"}, "aheadLeastMs": {"type": "number", "nullable": true}, "aheadMostMs": {"type": "number", "nullable": true}, "notMeasured": {"type": "string"}, "differ": {"type": "boolean"}, "text": {"type": "string"}}},
        "balance": {"type": "object", "properties": {"ok": {"type": "boolean"}, "missing": {"type": "integer"}, "doubled": {"type": "integer"}, "text": {"type": "string"}}},
        "sentiment": {"$ref": "#/components/schemas/BySentiment"},
        "byBrand": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/BySentiment"}},
        "window": {"type": "object", "properties": {"seconds": {"type": "integer"}, "positive": {"type": "integer"}, "negative": {"type": "integer"}, "neutral": {"type": "integer"}, "score": {"type": "number"}}},
        "brands": {"type": "array", "items": {"type": "string"}},
        "store": {"type": "object", "properties": {"kind": {"type": "string"}, "path": {"type": "string"}, "durability": {"type": "string"}, "rows": {"type": "integer", "nullable": true}}},
        "broker": {"type": "object", "properties": {"address": {"type": "string"}, "embedded": {"type": "boolean"}, "durability": {"type": "string"}, "bytes": {"type": "integer"}, "held": {"type": "boolean"}, "heldS": {"type": "number"}, "unreadBytes": {"type": "integer"}, "liveGroups": {"type": "integer"}, "partitionsOffline": {"type": "integer"}}},
        "startedMs": {"type": "integer"}, "nowMs": {"type": "integer"}, "elapsedS": {"type": "number"},
        "cpuCores": {"type": "number"}, "rssBytes": {"type": "integer"},
        "controls": {"type": "array", "items": {"type": "string", "enum": ["start", "stop", "crisis", "opportunity", "rate", "mix"]}}}}
    }
  }
}
)json";
// clang-format on

}  // namespace ds
