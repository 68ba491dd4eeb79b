using System.Text;
using LlmProxy.Secrets;
using LlmProxy.Storage;

namespace LlmProxy.Projects;

/// <summary>
/// Seals provider keys for the database. A sealed key opens for the project that it was sealed for, and no other.
/// </summary>
internal sealed class ProjectKeys(Sealer sealer)
{
    public string Seal(Guid projectId, Secret key) =>
        sealer.Seal(Encoding.UTF8.GetBytes(key.Reveal()), PurposeOf(projectId));

    public Secret Open(Guid projectId, string envelope) => sealer.Open(envelope, PurposeOf(projectId)) is { } key
        ? new Secret(Encoding.UTF8.GetString(key))
        : throw new StoreUnavailable($"The provider key of project {projectId} cannot be opened with the master key.");

    /// <summary>The key sealed with the present master key; null when it is already.</summary>
    public string? Reseal(Guid projectId, string envelope) =>
        sealer.NeedsReseal(envelope) ? Seal(projectId, Open(projectId, envelope)) : null;

    private static string PurposeOf(Guid projectId) => $"provider key of project {projectId}";
}
