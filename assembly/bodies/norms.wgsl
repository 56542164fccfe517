// Factors from norms, by the name of their rule: what its entry has as `factor`, here for a device that keeps norms to
// itself. Behind the two norms come options, by their names.

fn clipByGlobalNorm(updates: f32, params: f32, maxNorm: f32) -> f32 {
  // A NaN is not less: it goes into the quotient.
  return select(select(maxNorm / updates, 0.0, maxNorm == 0.0), 1.0, updates < maxNorm);
}

fn scaleByTrustRatio(updates: f32, params: f32, minNorm: f32, trustCoefficient: f32, eps: f32) -> f32 {
  let p = select(params, minNorm, params < minNorm);
  let x = select(updates, minNorm, updates < minNorm);
  return select(trustCoefficient * p / (x + eps), 1.0, p == 0.0 || x == 0.0);
}
