using System.Data.Common;

namespace LlmProxy.Storage;

/// <summary>The store did not answer, or not in time. Whoever asked must not guess what it would have said.</summary>
/// <param name="message">What was not done.</param>
/// <param name="inner">What the driver said.</param>
/// <param name="mayHaveHappened">
/// Whether the change may be on disk all the same, because its commit has not returned. When false, it is not.
/// </param>
internal sealed class StoreUnavailable(string message, Exception? inner = null, bool mayHaveHappened = false)
    : DbException(message, inner)
{
    public bool MayHaveHappened => mayHaveHappened;
}
