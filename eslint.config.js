import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["build", "dist", "coverage", "release", ".tmp", "bench/results"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      // winston declares its transports as interfaces that merge with classes, which the rule does
      // not know.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      "no-console": "error",
      eqeqeq: "error",
    },
  },
  {
    // The script of the dashboard's page has the types of a browser, not those of Node.js.
    files: ["src/dashboard/page/script/**/*.ts"],
    languageOptions: {
      parserOptions: { project: "./tsconfig.page.json", tsconfigRootDir: import.meta.dirname },
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    ignores: ["**/*.client.js"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        Buffer: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        module: "readonly",
        require: "readonly",
      },
    },
  },
  {
    // Scripts of the pages that the worker serves.
    files: ["**/*.client.js"],
    languageOptions: {
      sourceType: "script",
      globals: {
        document: "readonly",
        performance: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        DOMParser: "readonly",
        EventSource: "readonly",
      },
    },
  },
  {
    // esbuild bundles it.
    files: ["scripts/release/site.client.js"],
    languageOptions: {
      sourceType: "module",
      globals: { HTMLInputElement: "readonly", localStorage: "readonly", matchMedia: "readonly" },
    },
  },
  {
    files: [
      "simulator/**/*.ts",
      "bench/**/*.ts",
      "scripts/**",
      "src/cli/**/*.ts",
      "test/soak/main.ts",
    ],
    rules: { "no-console": "off" },
  },
  { ignores: ["src/ports/web-globals.d.ts"] },
);
