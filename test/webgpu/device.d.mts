export function openDevice(limits?: Readonly<Record<string, number>>): Promise<GPUDevice>;
export const uncaptured: string[];
