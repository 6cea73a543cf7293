/**
 * What the page and the server say to each other; docs/protocol.md explains it.
 *
 * Generated from src/gapt/live/protocol.py by tests/live/protocol_page.py.
 */
export const VERSION = 2;
export const MAX_STATES = 128;
