import "./style.css";
import { text } from "./text";

const app: HTMLElement | null = document.querySelector("#app");
if (app) app.textContent = text;
