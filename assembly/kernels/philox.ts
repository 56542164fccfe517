// Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

/** Ten rounds over the counter (c0, c1, c2, c3) with the key (k0, k1): four 32-bit words, as one vector. */
// @ts-ignore: decorator
@inline
export function philox(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): v128 {
  for (let round = 0; round < 10; round++) {
    const left = <u64>0xd2511f53 * <u64>c0;
    const right = <u64>0xcd9e8d57 * <u64>c2;
    c0 = <u32>(right >> 32) ^ c1 ^ k0;
    c1 = <u32>right;
    c2 = <u32>(left >> 32) ^ c3 ^ k1;
    c3 = <u32>left;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(c0), 1, c1), 2, c2), 3, c3);
}
