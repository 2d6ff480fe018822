import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "engine/conformance/programs/"] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      complexity: ["error", 12],
      "max-lines": ["error", { max: 500 }],
      "max-lines-per-function": ["error", { max: 60 }],
      "max-params": ["error", 5],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Node's own interfaces take functions, return `any`, and hand them on.
      "@typescript-eslint/no-confusing-void-expression": "off",
    },
  },
  {
    // The core modules take what programs give them, whatever the types say, and built-in methods apart from their objects.
    files: ["engine/src/process/modules/**/*.ts"],
    rules: {
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-unnecessary-type-conversion": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/no-misused-spread": "off",
      "@typescript-eslint/no-base-to-string": "off",
      // `export =` of Node's types has no other form.
      "@typescript-eslint/no-require-imports": "off",
    },
  },
  {
    // One case for each kind of node, operator or option of bash.
    files: ["engine/src/process/programs/**/*.ts"],
    rules: { complexity: ["error", 25] },
  },
  {
    files: ["engine/src/process/programs/{npm,shell}/*.ts"],
    rules: { complexity: ["error", 20] },
  },
  {
    files: ["**/test/**/*.ts"],
    rules: { "max-lines-per-function": "off" },
  },
);
