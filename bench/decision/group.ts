import { mixSeeds } from "../../simulator/random.js";
import type { Contender } from "./contender.js";
import { measureContender, measureLookups, type Outcome, type Schedule } from "./measurement.js";
import { Service, type OrganizationInfo } from "./service.js";
import type { PointResult } from "./summary.js";
import { SweepContender } from "./sweep-contender.js";
import { WorkerContender, type Question } from "./worker-contender.js";

export interface GroupOptions {
  /** The path of the built worker. */
  readonly worker: string;
  readonly persons: number;
  /** Requests per minute that the simulated Webex allows for each organization. */
  readonly limit: number;
  /** Decisions per minute, one point for each. */
  readonly rates: readonly number[];
  /** The number of persons with a subscription. */
  readonly watched: number;
}

/** From whom the decisions on persons without a subscription are drawn. */
const OTHERS = 900;

interface Member {
  readonly contender: Contender;
  readonly organization: OrganizationInfo;
}

interface Members {
  /** By rate. */
  readonly workers: readonly Member[];
  readonly workersWithoutMaxAge: readonly Member[];
  readonly workerWithoutDecisions: Member;
  readonly sweeps: Member;
}

/** All that runs against one simulator process, each client in an organization of its own. */
export class Group {
  readonly #options: GroupOptions;
  readonly #service: Service;
  readonly #started: Contender[] = [];
  /** Those that have no client yet. */
  readonly #free: OrganizationInfo[];
  #members: Members | null = null;

  private constructor(options: GroupOptions, service: Service) {
    this.#options = options;
    this.#service = service;
    this.#free = [...service.info.organizations];
  }

  static async start(options: GroupOptions): Promise<Group> {
    const { persons, limit, rates, watched } = options;
    // Two workers for each rate, a worker whom nobody asks, the sweeps and the bare lookups. Each
    // name becomes an e-mail domain.
    const names = Array.from({ length: 2 * rates.length + 3 }, (_, index) => `Example ${index}`);
    const service = await Service.start({ limit, persons, names, watched, others: OTHERS });
    const group = new Group(options, service);
    try {
      await group.#startMembers();
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  /** Measures until the schedule's end. Resolves with a point for each rate. */
  async measure(schedule: Schedule): Promise<readonly PointResult[]> {
    const { persons, limit, rates } = this.#options;
    const members = this.#members;
    if (members === null) throw new Error("The group has not started.");
    const measure = (member: Member | undefined, decisionsPerMinute: number): Promise<Outcome> => {
      if (member === undefined) throw new Error("A rate has no worker.");
      const seed = mixSeeds(persons, limit, decisionsPerMinute);
      const options = { ...member, service: this.#service, decisionsPerMinute, seed, schedule };
      return measureContender(options);
    };
    const [withoutDecisions, bare, ...points] = await Promise.all([
      measure(members.workerWithoutDecisions, 0),
      measureLookups(this.#service, this.#take(), schedule),
      ...rates.map((rate, index) =>
        Promise.all([
          measure(members.workers[index], rate),
          measure(members.workersWithoutMaxAge[index], rate),
          measure(members.sweeps, rate),
        ]),
      ),
    ]);
    return points.map(([worker, withoutMaxAge, sweeps], index) => ({
      persons,
      limit,
      rate: rates[index] ?? 0,
      worker,
      withoutMaxAge,
      withoutDecisions,
      sweeps,
      bare,
    }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map((contender) => contender.stop()));
    await this.#service.stop();
  }

  async #startMembers(): Promise<void> {
    const workers: Member[] = [];
    const workersWithoutMaxAge: Member[] = [];
    for (const _ of this.#options.rates) {
      workers.push(await this.#startWorker("maxAge"));
      workersWithoutMaxAge.push(await this.#startWorker("noMaxAge"));
    }
    const workerWithoutDecisions = await this.#startWorker("noMaxAge");
    const organization = this.#take();
    const sweeps = { organization, contender: new SweepContender(this.#service, organization) };
    this.#started.push(sweeps.contender);
    this.#members = { workers, workersWithoutMaxAge, workerWithoutDecisions, sweeps };
  }

  async #startWorker(question: Question): Promise<Member> {
    const organization = this.#take();
    const { worker } = this.#options;
    const contender = await WorkerContender.start(worker, this.#service, organization, question);
    this.#started.push(contender);
    return { organization, contender };
  }

  #take(): OrganizationInfo {
    const organization = this.#free.shift();
    if (organization === undefined) throw new Error("The simulator has too few organizations.");
    return organization;
  }
}
