using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Secrets;

/// <summary>Compares secrets without telling by its duration how much of them was right.</summary>
internal static class FixedTime
{
    /// <summary>
    /// Both sides are hashed first, so neither the position of the first difference nor the length shows.
    /// </summary>
    public static bool Equal(string left, string right)
    {
        Span<byte> leftHash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> rightHash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(left), leftHash);
        SHA256.HashData(Encoding.UTF8.GetBytes(right), rightHash);
        return CryptographicOperations.FixedTimeEquals(leftHash, rightHash);
    }
}
