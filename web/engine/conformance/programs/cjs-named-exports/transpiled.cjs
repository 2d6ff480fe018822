"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.named = exports.default = void 0;
exports.default = "the default";
exports.named = "named";
