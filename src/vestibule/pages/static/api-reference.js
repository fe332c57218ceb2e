// Draw the service's own OpenAPI document.
"use strict";

SwaggerUIBundle({
  dom_id: "#reference",
  url: "/api/v1/openapi.json",
  deepLinking: true,
  docExpansion: "list",
  // Otherwise the document's address goes to a service of others that judges it.
  validatorUrl: null,
});
