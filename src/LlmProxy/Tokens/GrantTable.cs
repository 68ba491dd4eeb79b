using System.Diagnostics.CodeAnalysis;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>
/// The grants in memory, by hash and by id of their tokens: two open tables with linear probing. A slot is 8 bytes and
/// the key is in the grant, where a dictionary's entry would weigh as much as the grant itself.
/// </summary>
/// <remarks>
/// For one writer at a time. Looking for a hash needs no lock: it may miss a grant that is being moved because another
/// one was removed, and whoever misses it asks the store and then finds it under the writer's lock.
/// </remarks>
internal sealed class GrantTable
{
    private const int FirstSlots = 1_024;

    // Swapped as a whole when it grows. Always some slots are empty, or a search would not end.
    private volatile Grant?[] _byHash = new Grant?[FirstSlots];
    private Grant?[] _byId = new Grant?[FirstSlots];
    private int _count;

    public IEnumerable<Grant> All => _byId.OfType<Grant>();

    /// <summary>Without a lock.</summary>
    public bool TryFind(TokenHash hash, [NotNullWhen(true)] out Grant? grant)
    {
        var slots = _byHash;
        for (var slot = hash.GetHashCode(); ; slot++)
        {
            grant = Volatile.Read(ref slots[slot & (slots.Length - 1)]);
            if (grant is null)
            {
                return false;
            }

            if (grant.Hash.Equals(hash))
            {
                return true;
            }
        }
    }

    public bool TryFind(Guid id, [NotNullWhen(true)] out Grant? grant)
    {
        for (var slot = id.GetHashCode(); ; slot++)
        {
            grant = _byId[slot & (_byId.Length - 1)];
            if (grant is null || grant.TokenId == id)
            {
                return grant is not null;
            }
        }
    }

    /// <summary>Only when none of the same token is in it.</summary>
    public void Add(Grant grant)
    {
        if (++_count > _byId.Length / 5 * 4)
        {
            (_byHash, _byId) = (Grown(_byHash, HashOf), Grown(_byId, IdOf));
        }

        Put(_byHash, grant, HashOf);
        Put(_byId, grant, IdOf);
    }

    /// <summary>Whether it was in it.</summary>
    public bool Remove(Grant grant)
    {
        if (!TryTakeOut(_byHash, grant, HashOf))
        {
            return false;
        }

        TryTakeOut(_byId, grant, IdOf);
        _count--;
        return true;
    }

    private static int HashOf(Grant grant) => grant.Hash.GetHashCode();

    // The second half of a UUIDv7 is random.
    private static int IdOf(Grant grant) => grant.TokenId.GetHashCode();

    private static Grant?[] Grown(Grant?[] slots, Func<Grant, int> placeOf)
    {
        var grown = new Grant?[slots.Length * 2];
        foreach (var grant in slots.OfType<Grant>())
        {
            Put(grown, grant, placeOf);
        }

        return grown;
    }

    private static void Put(Grant?[] slots, Grant grant, Func<Grant, int> placeOf)
    {
        var (slot, mask) = (placeOf(grant), slots.Length - 1);
        while (slots[slot & mask] is not null)
        {
            slot++;
        }

        Volatile.Write(ref slots[slot & mask], grant);
    }

    /// <summary>
    /// Whoever comes after it in its run moves up as far as he may, so that no search ends too early.
    /// </summary>
    private static bool TryTakeOut(Grant?[] slots, Grant grant, Func<Grant, int> placeOf)
    {
        var mask = slots.Length - 1;
        var empty = placeOf(grant) & mask;
        while (!ReferenceEquals(slots[empty], grant))
        {
            if (slots[empty] is null)
            {
                return false;
            }

            empty = (empty + 1) & mask;
        }

        for (var next = (empty + 1) & mask; slots[next] is { } mover; next = (next + 1) & mask)
        {
            if (((next - placeOf(mover)) & mask) >= ((next - empty) & mask))
            {
                Volatile.Write(ref slots[empty], mover);
                empty = next;
            }
        }

        Volatile.Write(ref slots[empty], null);
        return true;
    }
}
