// The wallet's side of the page: everything of the explorer, and what wallet pages add. Each module
// below registers its pages by itself.
import "../main";
import { installPages } from "./pages";
import "./lock_state";

installPages();
