// Package client holds the built JavaScript library for web pages, so that Go
// programs can serve it without npm.
//
// The source is TypeScript in src; npm run build makes dist, and npm run
// build:check fails when dist is not what the source says. Nothing else belongs
// here: the package opens no connection and serves no file by itself.
package client

import "embed"

// Dist is the folder dist: dist/cardea.js and dist/web-eid-compat.js are
// modules; dist/cardea.iife.js and dist/web-eid-compat.iife.js are scripts that
// set the globals cardea and webeid.
//
//go:embed dist/*.js
var Dist embed.FS
