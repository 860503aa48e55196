"""Every task of the suite, one line each: id, where it lives, tags, settings."""

from .registry import register

register("ludus/Reach-v0", ".mujoco.grasping.reach:make", "mujoco", "grasping", "single")
register("ludus/Push-v0", ".mujoco.grasping.push:make", "mujoco", "grasping", "single")
register("ludus/Lift-v0", ".mujoco.grasping.lift:make", "mujoco", "grasping", "single")
register("ludus/TwoArmLift-v0", ".mujoco.grasping.two_arm_lift:make", "mujoco", "grasping", "team", "cooperative")
register("ludus/Crossing-v0", ".mujoco.avoidance.crossing:make", "mujoco", "avoidance", "team", "cooperative")
register("ludus/Swap-v0", ".mujoco.avoidance.swap:make", "mujoco", "avoidance", "team", "cooperative", "choice")
register("ludus/Corridor-v0", ".mujoco.avoidance.corridor:make", "mujoco", "avoidance", "team", "cooperative")
register(
    "ludus/MovingObstacles-v0", ".mujoco.avoidance.moving_obstacles:make", "mujoco", "avoidance", "single", "choice"
)
LIDAR = {"body": "rover", "sensing": "lidar"}
register("ludus/CrossingLidar-v0", ".mujoco.avoidance.crossing:make", "mujoco", "avoidance", "team", **LIDAR)
register(
    "ludus/MovingObstaclesLidar-v0", ".mujoco.avoidance.moving_obstacles:make", "mujoco", "avoidance", "choice", **LIDAR
)
register(
    "ludus/Formation-v0", ".mujoco.avoidance.formation:make", "mujoco", "avoidance", "team", "cooperative", "choice"
)
register("ludus/Convoy-v0", ".mujoco.avoidance.convoy:make", "mujoco", "avoidance", "team", "cooperative")
register("ludus/InsertPeg-v0", ".mujoco.grasping.insert_peg:make", "mujoco", "grasping", "single", "choice")
register("ludus/Doorway-v0", ".mujoco.avoidance.doorway:make", "mujoco", "avoidance", "team", "cooperative")
register("ludus/PursuitEvasion-v0", ".mujoco.avoidance.pursuit_evasion:make", "mujoco", "avoidance", "competitive")
register("ludus/LiftColour-v0", ".mujoco.grasping.lift_colour:make", "mujoco", "grasping", "single", "choice")
register("ludus/PickPlace-v0", ".mujoco.grasping.pick_place:make", "mujoco", "grasping", "single", "choice")
register("ludus/Stack-v0", ".mujoco.grasping.stack:make", "mujoco", "grasping", "single", "choice")
register("ludus/Handover-v0", ".mujoco.grasping.handover:make", "mujoco", "grasping", "team", "cooperative")
register("ludus/CarryTray-v0", ".mujoco.grasping.carry_tray:make", "mujoco", "grasping", "team", "cooperative")
register("ludus/SortTogether-v0", ".mujoco.grasping.sort_together:make", "mujoco", "grasping", "team", "cooperative")
register("ludus/OpenDrawer-v0", ".mujoco.grasping.open_drawer:make", "mujoco", "grasping", "single", "choice")
register("ludus/OpenFridge-v0", ".mujoco.grasping.open_fridge:make", "mujoco", "grasping", "single")
register("ludus/FetchFromFridge-v0", ".mujoco.grasping.fetch_from_fridge:make", "mujoco", "grasping", "single")
PANDA = {"body": "panda"}
register("ludus/PandaReach-v0", ".mujoco.grasping.reach:make", "mujoco", "grasping", "single", **PANDA)
register("ludus/PandaPush-v0", ".mujoco.grasping.push:make", "mujoco", "grasping", "single", **PANDA)
register("ludus/PandaLift-v0", ".mujoco.grasping.lift:make", "mujoco", "grasping", "single", **PANDA)
register("ludus/Basic-v0", ".unity.games:make", "unity", "single", "one-start", game="Basic")
register("ludus/BasicGoal-v0", ".unity.games:make", "unity", "single", "choice", "one-start", game="Basic", asked=True)
register("ludus/Ball3D-v0", ".unity.games:make", "unity", "single", game="3DBall")
register("ludus/GridWorld-v0", ".unity.games:make", "unity", "single", "choice", game="GridWorld")
register(
    "ludus/CooperativePushBlock-v0", ".unity.games:make", "unity", "team", "cooperative", game="CooperativePushBlock"
)
register(
    "ludus/CooperativePushBlockGoal-v0", ".unity.games:make", "unity", "team", "choice",
    game="CooperativePushBlock", asked=True,
)  # fmt: skip
register("ludus/DungeonEscape-v0", ".unity.games:make", "unity", "team", "cooperative", game="DungeonEscape")
register("ludus/PushBlock-v0", ".unity.games:make", "unity", "single", game="PushBlock")
register("ludus/PushBlockGoal-v0", ".unity.games:make", "unity", "single", "choice", game="PushBlock", asked=True)
register("ludus/WallJump-v0", ".unity.games:make", "unity", "single", game="WallJump")
register("ludus/FoodCollector-v0", ".unity.games:make", "unity", "team", game="FoodCollector")
register("ludus/FoodCollectorGoal-v0", ".unity.games:make", "unity", "team", "choice", game="FoodCollector", asked=True)
register("ludus/Tennis-v0", ".unity.games:make", "unity", "competitive", game="Tennis")
register("ludus/SoccerTwos-v0", ".unity.games:make", "unity", "team", "competitive", game="SoccerTwos")
register("ludus/StrikersVsGoalie-v0", ".unity.games:make", "unity", "competitive", game="StrikersVsGoalie")
register(
    "ludus/StrikersVsGoalieGoal-v0", ".unity.games:make", "unity", "competitive", "choice",
    game="StrikersVsGoalie", asked=True,
)  # fmt: skip
register("ludus/Household-v0", ".text.household:make", "text", "single", "choice")
register(
    "ludus/HouseholdTeam-v0", ".text.household:make", "text", "team", "cooperative", "choice",
    file="household-team", steps=(2, 8),
)  # fmt: skip
register("ludus/Unity-v0", ".unity.world:make", "unity", "needs-build")
register("ludus/Treasure-v0", ".text.treasure:make", "text", "team", "cooperative", "choice")
register("ludus/Detective-v0", ".text.detective:make", "text", "team", "cooperative", "choice")
register("ludus/Bargain-v0", ".text.bargain:make", "text", "team", "cooperative")
register("ludus/Assistant-v0", ".text.assistant:make", "text", "single", "choice", "memory")
register("ludus/Workshop-v0", ".text.workshop:make", "text", "team", "cooperative", "choice")
register("ludus/WorkshopEasy-v0", ".text.workshop:make", "text", "single", "choice", easy=True)
register("ludus/Dialogue-v0", ".text.dialogue:make", "text", "team", "cooperative", "choice")
