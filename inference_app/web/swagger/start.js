"use strict";

// A validator elsewhere would be told this server's address; requests show their time (Server-Timing).
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
