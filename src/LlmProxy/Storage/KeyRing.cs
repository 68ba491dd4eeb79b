using System.Security.Cryptography;
using LlmProxy.Secrets;
using LlmProxy.Settings;

namespace LlmProxy.Storage;

/// <summary>
/// Fits the master key to the database. What the token hashes are made with is random, made with the database, and
/// sealed in it: so the master key can change without any token becoming unknown, and a wrong one is noticed at start.
/// </summary>
internal sealed class KeyRing(
    KeyStore store, StorageOptions options, MasterKey masterKey, Sealer sealer, TokenHasher hasher)
{
    private const string TokenHashKey = "token hash key";

    /// <summary>Called once, when the database is open and before the first request.</summary>
    public async Task OpenAsync(CancellationToken stop)
    {
        // The key file is the database's neighbour, so that both are found together. A new one is made for a new
        // database only: beside an old one it would hide that the right one was lost.
        masterKey.Open(options.Path + ".key", isNewDatabase: await store.IsEmptyAsync(stop));

        byte[]? key = null;
        await store.RenewAsync(TokenHashKey, envelope =>
        {
            key = envelope is null
                ? RandomNumberGenerator.GetBytes(TokenHasher.KeyBytes)
                : sealer.Open(envelope, TokenHashKey);
            return key is null || (envelope is not null && !sealer.NeedsReseal(envelope))
                ? null
                : sealer.Seal(key, TokenHashKey);
        });
        hasher.Use(key ?? throw new StartFailure(
            "ENCRYPTION_KEY: this is not the master key that the database was made with. "
            + "Set the right one, or set it as ENCRYPTION_KEY_PREVIOUS to change to a new one."));
    }
}
