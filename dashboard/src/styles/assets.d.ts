// Style sheets are Vite's business.
declare module "*.css";
