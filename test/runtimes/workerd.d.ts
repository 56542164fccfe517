declare module "workerd" {
  const found: { readonly default: string };
  export default found;
}
