import type { Dataset } from './dataset.ts'
import { DownloadError } from './download.ts'

/**
 * What stands in for a data set that is neither here nor to be had: `await data.cifar10().catch(data.ifAbsent(() => data.mnist()))`. Whatever it holds, it is not
 * that data set, so it counts as not complete. A data set that is there, but damaged, is not replaced: that error goes on.
 */
export function ifAbsent<Label>(standIn: () => Dataset<Label> | Promise<Dataset<Label>>): (error: unknown) => Promise<Dataset<Label>> {
  return async (error) => {
    if (!(error instanceof DownloadError)) throw error
    return (await standIn()).standingIn()
  }
}
